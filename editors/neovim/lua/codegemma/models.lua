--- The models of this machine, and pulling others: `codegemma-complete` is asked, so that the server needs no network.
---
--- It must not know what a model is used for.
local M = {}

local NAME = 'codegemma-complete'
--- A list takes no longer, in milliseconds.
local PATIENCE = 20000

--- The command line beside the server, or the one on the PATH.
---@return string
local function program()
  local server = vim.fn.exepath(require('codegemma.config').options.cmd[1])
  local beside = vim.fs.joinpath(vim.fs.dirname(server), NAME)
  return server ~= '' and vim.fn.executable(beside) == 1 and beside or NAME
end

---@param message string
---@param level integer
local function notify(message, level)
  require('codegemma.client').notify(message, level)
end

--- What `codegemma-complete model list --all` shows.
---@return string[]
function M.list()
  local found, answer = pcall(function()
    return vim.system({ program(), 'model', 'list', '--all' }, { text = true }):wait(PATIENCE)
  end)
  if not found or answer.code ~= 0 then
    local why = found and vim.trim(answer.stderr) or ('`%s` is not installed, or not on the PATH'):format(NAME)
    return { 'The models cannot be listed: ' .. why }
  end
  return vim.split(vim.trim(answer.stdout), '\n', { plain = true })
end

---@param bytes number
---@return string
local function size(bytes)
  return bytes < 1e9 and ('%.0f MB'):format(bytes / 1e6) or ('%.1f GB'):format(bytes / 1e9)
end

--- What a line of a pull says; nothing where it says something else.
---@param line string
---@return table?
local function event(line)
  local read, value = pcall(vim.json.decode, line)
  return read and type(value) == 'table' and value.event and value or nil
end

local running ---@type vim.SystemObj?

--- Ends a pull; what is there stays, and the next one goes on.
function M.cancel()
  if running then
    running:kill('sigint')
    return true
  end
  return false
end

--- Pulls a model in the background, and says how far it is.
---@param name string the default for completion where it is empty
function M.pull(name)
  if running then
    notify('a model is being pulled; `:CodeGemma pull-cancel` ends that', vim.log.levels.WARN)
    return
  end
  local what = name == '' and 'CodeGemma 2B (1.6 GB)' or name
  local question = ('Pull %s? It is under the Gemma Terms of Use, https://ai.google.dev/gemma/terms.'):format(what)
  if vim.fn.confirm(question, '&Accept and pull\n&Cancel', 2) ~= 1 then
    return
  end
  local command = { program(), 'model', 'pull', '--yes', '--json' }
  if name ~= '' then
    table.insert(command, name)
  end
  local rest, failed, done, shown = '', nil, nil, -1
  local function read(_, data)
    local lines = vim.split(rest .. (data or ''), '\n', { plain = true })
    rest = table.remove(lines)
    for _, line in ipairs(lines) do
      local told = event(line) or {}
      local percent = told.total and told.total > 0 and math.floor(100 * told.bytes / told.total) or 0
      if told.event == 'done' then
        done = told.name
      elseif told.event == 'error' then
        failed = told.message
      elseif told.event == 'progress' and percent > shown then
        shown = percent
        local message = ('CodeGemma: %s, %d %% of %s'):format(what, percent, size(told.total))
        vim.schedule(function()
          vim.api.nvim_echo({ { message } }, false, {})
        end)
      end
    end
  end
  local function ended(result)
    running = nil
    if done then
      local use = "it is used with settings = { model = '%s' } in setup(), or `model = \"%s\"` in codegemma.toml"
      notify(('%s is here; '):format(done) .. use:format(done, done), vim.log.levels.INFO)
    else
      local why = failed or vim.trim(result.stderr or ''):match('[^\n]*$')
      notify(('%s was not pulled: %s'):format(what, why ~= '' and why or 'it was cancelled'), vim.log.levels.ERROR)
    end
  end
  local started, process = pcall(vim.system, command, { text = true, stdout = read }, ended)
  if started then
    running = process
  else
    notify(('`%s` is not installed, or not on the PATH'):format(NAME), vim.log.levels.ERROR)
  end
end

--- Says once, ever, that there is something better than the starter. Short, so that nothing has to be confirmed.
function M.hint()
  local stamp = vim.fs.joinpath(vim.fn.stdpath('state'), 'codegemma-hinted')
  if vim.fn.filereadable(stamp) == 1 or vim.fn.mkdir(vim.fn.stdpath('state'), 'p') ~= 1 then
    return
  end
  -- Where it cannot be remembered it is not said either, as it would be at each start.
  if pcall(vim.fn.writefile, {}, stamp) then
    notify('this is the starter; `:CodeGemma pull` gets a better model', vim.log.levels.INFO)
  end
end

return M
