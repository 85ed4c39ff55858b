--- The server's process: where it is started, what it says of itself, and what happens when it ends.
---
--- It must not know what is done with suggestions.
local config = require('codegemma.config')
local text = require('codegemma.text')

local api = vim.api
local M = {}

local NAME = 'codegemma'
--- The first version of the server that this plugin was made for.
M.NEEDS = '0.1.0'
--- How long is waited before it is started again, in milliseconds, crash after crash; then it is not.
local PATIENCE = { 500, 1000, 2000 }
--- A server that has run for so long, in seconds, was not at fault at its start.
local SOUND_AFTER = 60

---@class codegemma.Status
---@field state 'loading'|'ready'|'busy'|'off'|'error'
---@field message string
---@field model string?
---@field progress number? in percent
---@field lastRequest table?

---@type codegemma.Status
M.status = { state = 'off', message = 'the server has not been started; it is when a file is opened' }

local crashes = 0
local started_at = 0
--- Clients that were told to end.
---@type table<integer, boolean>
local told_to_end = {}
local said = {}

--- Tells the user something: after what runs now, as an error message would break that off.
---@param message string
---@param level integer
function M.notify(message, level)
  vim.schedule(function()
    vim.notify('CodeGemma: ' .. message, level)
  end)
end

--- Tells the user something, once.
---@param message string
---@param level integer
function M.say(message, level)
  if not said[message] then
    said[message] = true
    M.notify(message, level)
  end
end

---@param status codegemma.Status
local function set_status(status)
  M.status = status
  api.nvim_exec_autocmds('User', { pattern = 'CodeGemmaStatus', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

---@param message string
local function fail(message)
  set_status({ state = 'error', message = message })
  M.say(message, vim.log.levels.ERROR)
end

--- Calls a client's method, which is a plain function up to Neovim 0.10.
---@param client table
---@param method string
function M.call(client, method, ...)
  if vim.fn.has('nvim-0.11') == 1 then
    return client[method](client, ...)
  end
  return client[method](...)
end

--- The client of a buffer, or any; one that has been told to end is none, and may still be listed.
---@param buf integer?
---@return table?
function M.get(buf)
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME, bufnr = buf })) do
    if not told_to_end[client.id] and not M.call(client, 'is_stopped') then
      return client
    end
  end
end

--- Has the server run a command. A server that does not know it need not: `answered` then gets the error.
---@param client table
---@param name string
---@param arguments any[]?
---@param answered fun(error: table?, result: any)?
function M.execute(client, name, arguments, answered)
  local params = { command = name, arguments = arguments }
  M.call(client, 'request', 'workspace/executeCommand', params, answered or function() end)
end

--- The cursor's place, as a request names it. Neovim 0.10 counts it wrong itself where letters take several bytes.
---@param client table
---@return table
function M.cursor(client)
  local row, col = unpack(api.nvim_win_get_cursor(0))
  local character = text.character(api.nvim_get_current_line(), col, client.offset_encoding)
  return {
    textDocument = vim.lsp.util.make_text_document_params(0),
    position = { line = row - 1, character = character },
  }
end

--- Why nothing is suggested in a buffer, and whether that may surprise.
---@param buf integer
---@return string?, boolean?
function M.unfit(buf)
  local name, options = api.nvim_buf_get_name(buf), vim.bo[buf]
  local short = vim.fn.fnamemodify(name, ':~:.')
  if options.buftype ~= '' then
    return ('buffers of the type "%s" are left alone'):format(options.buftype), false
  elseif options.filetype == '' then
    return 'the buffer has no file type; `:set filetype=…` gives it one', false
  elseif name == '' then
    return 'the buffer has no name; suggestions begin when it is saved', true
  elseif name:match('^%a[%w+.-]+://') then
    return ('%s is not a file on this machine; nothing is suggested in it'):format(name), true
  elseif not options.modifiable then
    return ('%s cannot be edited'):format(short), false
  end
  local kib = api.nvim_buf_get_offset(buf, api.nvim_buf_line_count(buf)) / 1024
  if kib > config.options.max_file_kib then
    local message = '%s has %d KiB; nothing is suggested in files of more than %d KiB (max_file_kib)'
    return message:format(short, kib, config.options.max_file_kib), true
  end
end

---@param client table
---@param result table the answer to `initialize`
local function check(client, result)
  local info = result.serverInfo or {}
  if info.name ~= 'codegemma-lsp' or not result.capabilities.inlineCompletionProvider then
    told_to_end[client.id] = true
    M.call(client, 'stop')
    local who = ('`%s` is %s'):format(config.options.cmd[1], info.name or 'another language server')
    fail(who .. ', not codegemma-lsp; set `cmd` in setup() to that, then :CodeGemma restart')
    return
  end
  if not info.version or vim.version.lt(info.version, M.NEEDS) then
    local message = '`%s` is version %s, this plugin needs %s or newer; install it anew'
    M.say(message:format(config.options.cmd[1], info.version or 'unknown', M.NEEDS), vim.log.levels.WARN)
  end
  if not config.options.menu then
    client.server_capabilities.completionProvider = nil
  end
  -- The editor's own ghost text would show each suggestion twice.
  if vim.lsp.inline_completion then
    vim.lsp.inline_completion.enable(false, { client_id = client.id })
  end
end

--- Starts the server anew after it has ended unasked, later each time.
---@param code integer
---@param signal integer
local function crashed(code, signal)
  crashes = os.time() - started_at > SOUND_AFTER and 1 or crashes + 1
  local how = signal ~= 0 and ('signal %d'):format(signal) or ('exit code %d'):format(code)
  local patience = PATIENCE[crashes]
  if not patience then
    fail(
      ('the server has ended %d times (%s) and is not started again; '):format(crashes, how)
        .. ':CodeGemma log may say why, :CodeGemma restart tries again'
    )
    return
  end
  local again = ('the server has ended (%s); it is started again in %g s'):format(how, patience / 1000)
  set_status({ state = 'error', message = again })
  M.notify(again, vim.log.levels.WARN)
  vim.defer_fn(function()
    if vim.v.exiting == vim.NIL and not M.get() then
      M.attach_all()
    end
  end, patience)
end

local restart_wanted = false

---@param code integer
---@param signal integer
---@param id integer
local function ended(code, signal, id)
  if vim.v.exiting ~= vim.NIL then
    return
  elseif not told_to_end[id] then
    crashed(code, signal)
  elseif restart_wanted then
    restart_wanted = false
    M.attach_all()
  elseif M.status.state ~= 'error' then
    set_status({ state = 'off', message = 'the server has been stopped; :CodeGemma restart starts it' })
  end
end

local handlers = {
  ['codegemma/status'] = function(_, status)
    -- What the server has not is null, which is something in Lua.
    set_status(vim.iter(status):fold({}, function(known, name, value)
      known[name] = value ~= vim.NIL and value or nil
      return known
    end))
  end,
  ['window/showMessage'] = function(_, params)
    local level = ({ vim.log.levels.ERROR, vim.log.levels.WARN })[params.type] or vim.log.levels.INFO
    M.notify((params.message:gsub('^CodeGemma: ', '')), level)
  end,
}

--- The settings as the server gets them. An empty table would reach it as a list.
local function section()
  local settings = config.options.settings
  return { codegemma = vim.tbl_isempty(settings) and vim.empty_dict() or settings }
end

--- The folder that a buffer belongs to.
---@param buf integer
---@return string
local function root(buf)
  return vim.fs.root(buf, '.git') or vim.fn.getcwd()
end

--- Tells a server of the folder of a buffer, unless it knows that.
---@param client table
---@param buf integer
local function enter(client, buf)
  local path = root(buf)
  local folder = { uri = vim.uri_from_fname(path), name = path }
  local known = vim.iter(client.workspace_folders or {}):any(function(other)
    return other.uri == folder.uri
  end)
  if not known and vim.tbl_get(client.server_capabilities, 'workspace', 'workspaceFolders', 'supported') then
    client.workspace_folders = vim.list_extend({ folder }, client.workspace_folders or {})
    local event = { added = { folder }, removed = {} }
    M.call(client, 'notify', 'workspace/didChangeWorkspaceFolders', { event = event })
  end
end

--- Starts the server for a buffer, or takes the one that runs: one serves all buffers, as a model is large.
---@param buf integer
function M.attach(buf)
  if not api.nvim_buf_is_loaded(buf) or M.get(buf) then
    return
  end
  local reason, surprising = M.unfit(buf)
  if reason then
    if surprising then
      M.say(reason, vim.log.levels.WARN)
    end
    return
  end
  local program = config.options.cmd[1]
  if vim.fn.executable(program) == 0 then
    fail(
      ('the server `%s` is not installed, or not on the PATH; '):format(program)
        .. '`cargo install --path server` in its repository installs it, or set `cmd` in setup(); :CodeGemma restart'
    )
    return
  end
  if not M.get() then
    started_at = os.time()
  end
  vim.lsp.start({
    name = NAME,
    cmd = config.options.cmd,
    root_dir = root(buf),
    init_options = section(),
    settings = section(),
    handlers = handlers,
    on_init = check,
    on_attach = enter,
    -- After the editor, which has the client on its lists until then, and says in a message of its own that it ended.
    on_exit = vim.schedule_wrap(vim.schedule_wrap(ended)),
  }, {
    bufnr = buf,
    reuse_client = function(client)
      return client.name == NAME and not told_to_end[client.id] and not M.call(client, 'is_stopped')
    end,
  })
end

--- Attaches to all buffers that are open.
function M.attach_all()
  for _, buf in ipairs(api.nvim_list_bufs()) do
    M.attach(buf)
  end
end

--- Stops the server; one that does not listen is killed.
---@return boolean # whether there was one
function M.stop()
  local clients = vim.lsp.get_clients({ name = NAME })
  for _, client in ipairs(clients) do
    told_to_end[client.id] = true
    M.call(client, 'stop')
    vim.defer_fn(function()
      if not M.call(client, 'is_stopped') then
        M.call(client, 'stop', true)
      end
    end, 2000)
  end
  return #clients > 0
end

--- Starts the server anew, whatever happened before.
function M.restart()
  crashes, said = 0, {}
  set_status({ state = 'loading', message = 'the server is being started' })
  restart_wanted = M.stop()
  if not restart_wanted then
    M.attach_all()
  end
end

--- Tells the server settings that have changed.
function M.configure()
  local client = M.get()
  if client then
    client.settings = section()
    M.call(client, 'notify', 'workspace/didChangeConfiguration', { settings = client.settings })
  end
end

return M
