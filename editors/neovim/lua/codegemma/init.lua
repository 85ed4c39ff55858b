--- Code suggestions as ghost text, from a model that runs on this machine. What users call; see `:help codegemma`.
local client = require('codegemma.client')
local config = require('codegemma.config')
local ghost = require('codegemma.ghost')
local keys = require('codegemma.keys')
local suggestion = require('codegemma.suggestion')

local M = {}

local is_set_up = false
local was_serving = false

local function watch()
  local group = vim.api.nvim_create_augroup('codegemma', {})
  local function on(events, action, pattern)
    vim.api.nvim_create_autocmd(events, { group = group, pattern = pattern, callback = action })
  end
  on({ 'FileType', 'BufFilePost', 'BufWritePost' }, function(event)
    client.attach(event.buf)
  end)
  on({ 'TextChangedI', 'TextChangedP', 'CursorMovedI' }, suggestion.update)
  -- The mode is insert only after its event.
  on('InsertEnter', vim.schedule_wrap(suggestion.update))
  on({ 'InsertLeave', 'BufLeave' }, suggestion.forget)
  on('ColorScheme', ghost.set_highlight)
  -- The menu is open, or gone, only after its event.
  local redraw = vim.schedule_wrap(suggestion.redraw)
  on({ 'CompleteChanged', 'CompleteDone' }, redraw)
  on('User', redraw, { 'BlinkCmpMenuOpen', 'BlinkCmpMenuClose' })
  on('InsertEnter', function()
    local cmp = package.loaded['cmp']
    if cmp and cmp.event then
      cmp.event:on('menu_opened', redraw)
      cmp.event:on('menu_closed', redraw)
      return true
    end
  end)
  -- While the model is loaded, answers are empty.
  on('User', function()
    local serves = client.status.state == 'ready' or client.status.state == 'busy'
    if serves and not was_serving then
      suggestion.forget()
      suggestion.update()
    end
    was_serving = serves
    if client.status.state == 'ready' and client.status.model == 'codegemma-starter' then
      require('codegemma.models').hint()
    end
  end, 'CodeGemmaStatus')
  on('LspAttach', function(event)
    local attached = vim.lsp.get_client_by_id(event.data.client_id)
    if attached and attached.name == 'codegemma' and event.buf == vim.api.nvim_get_current_buf() then
      vim.schedule(suggestion.update)
    end
  end)
end

--- Sets the options, and starts. It may be called again: settings of the server change while it runs.
---@param options codegemma.Options?
function M.setup(options)
  local cmd = config.options.cmd
  for _, refused in ipairs(config.set(options)) do
    client.say(refused, vim.log.levels.ERROR)
  end
  ghost.set_highlight()
  keys.set()
  suggestion.forget()
  if not is_set_up then
    is_set_up = true
    watch()
    client.attach_all()
  elseif vim.deep_equal(cmd, config.options.cmd) then
    client.configure()
  else
    client.restart()
  end
end

--- Whether it has been set up, by the user or with the defaults.
function M.is_set_up()
  return is_set_up
end

--- Sets up with the defaults, unless the user has set up already.
function M.start()
  if not is_set_up then
    M.setup()
  end
end

--- Accepts the suggestion; false if there is none.
function M.accept()
  return keys.act('accept')
end

--- Accepts the suggestion's next word; false if there is none.
function M.accept_word()
  return keys.act('accept_word')
end

--- Accepts the suggestion's next line; false if there is none.
function M.accept_line()
  return keys.act('accept_line')
end

--- Shows the next suggestion for the same place, or asks for one.
function M.next()
  return keys.act('next')
end

--- Shows the previous suggestion for the same place, or asks for one.
function M.previous()
  return keys.act('previous')
end

--- Takes the suggestion away until something is typed; false if there is none.
function M.dismiss()
  return keys.act('dismiss')
end

--- Whether a suggestion is on the screen.
M.is_visible = suggestion.is_visible

---@param enabled boolean
local function set_enabled(enabled)
  M.start()
  config.options.enabled = enabled
  suggestion.forget()
  suggestion.update()
  vim.cmd.redrawstatus({ bang = true })
end

function M.enable()
  set_enabled(true)
end

function M.disable()
  set_enabled(false)
end

function M.toggle()
  set_enabled(not config.options.enabled)
end

--- What is done in the current buffer: the server's status, unless nothing is suggested here at all.
---@return codegemma.Status
function M.status()
  local reason = client.unfit(0)
  if not config.options.enabled then
    return { state = 'off', message = 'switched off; :CodeGemma enable switches it on' }
  elseif reason and client.status.state ~= 'error' then
    return { state = 'off', message = reason }
  end
  return client.status
end

--- The status in a word or two, for a status line.
---@return string
function M.statusline()
  local status = M.status()
  local progress = status.progress and (' %d%%'):format(status.progress) or ''
  local words = { ready = '', busy = ' …', loading = ' loading' .. progress, off = ' off', error = ' error' }
  return 'CodeGemma' .. (words[status.state] or '')
end

return M
