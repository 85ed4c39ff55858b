--- `:CodeGemma` and its subcommands.
local M = {}

local function client()
  return require('codegemma.client')
end

--- Shows lines in a window of their own.
---@param name string
---@param lines string[]
local function show(name, lines)
  vim.cmd.new()
  vim.bo.buftype, vim.bo.bufhidden, vim.bo.swapfile = 'nofile', 'wipe', false
  vim.api.nvim_buf_set_name(0, ('codegemma://%s/%d'):format(name, vim.api.nvim_get_current_buf()))
  vim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
  vim.bo.modifiable = false
end

---@param rows string[][] each as long as the first
---@return string[] # their cells below one another
local function columns(rows)
  local lines = {}
  for number, row in ipairs(rows) do
    lines[number] = ''
    for column, cell in ipairs(row) do
      local width = 0
      for _, other in ipairs(rows) do
        width = math.max(width, vim.fn.strdisplaywidth(other[column]))
      end
      local padding = column < #row and (' '):rep(width - vim.fn.strdisplaywidth(cell) + 2) or ''
      lines[number] = lines[number] .. cell .. padding
    end
  end
  return lines
end

---@param told table what the server says of a place
---@return string[]
local function explanation(told)
  local rows = { { 'in', 'tokens', 'source', 'path', 'why' } }
  for _, piece in ipairs(told.pieces) do
    local included = piece.included and 'yes' or 'no'
    table.insert(rows, { included, tostring(piece.tokens), piece.source, piece.path, piece.reason })
  end
  local lines = { 'How much is completed: ' .. told.trigger, 'Anchor: ' .. told.anchor, '' }
  vim.list_extend(lines, columns(rows))
  vim.list_extend(lines, { '', 'What the model sees:', '' })
  return vim.list_extend(lines, vim.split(told.prompt, '\n', { plain = true }))
end

--- Shows what the model sees at the cursor, as the server puts it together.
local function explain()
  local server = client().get(0)
  if not server then
    client().notify(require('codegemma').status().message, vim.log.levels.WARN)
    return
  end
  local at = client().cursor(server)
  local place = { uri = at.textDocument.uri, position = at.position }
  client().execute(server, 'codegemma.explain', { place }, function(error, told)
    if error then
      client().notify('the server cannot explain: ' .. error.message, vim.log.levels.WARN)
    else
      show('explain', explanation(told))
    end
  end)
end

local function status()
  local now = require('codegemma').status()
  local model = now.model and (' (%s)'):format(now.model) or ''
  vim.api.nvim_echo({ { ('CodeGemma is %s%s: %s'):format(now.state, model, now.message) } }, true, {})
end

--- What the server has written about itself is in the log of all language servers.
local function log()
  local path = vim.lsp.log and vim.lsp.log.get_filename and vim.lsp.log.get_filename() or vim.lsp.get_log_path()
  vim.cmd.tabnew(vim.fn.fnameescape(path))
  vim.cmd.normal({ 'G', bang = true })
end

local SUBCOMMANDS = {
  enable = function()
    require('codegemma').enable()
  end,
  disable = function()
    require('codegemma').disable()
  end,
  toggle = function()
    require('codegemma').toggle()
    status()
  end,
  restart = function()
    client().restart()
  end,
  status = status,
  log = log,
  explain = explain,
  models = function()
    show('models', require('codegemma.models').list())
  end,
  pull = function(name)
    require('codegemma.models').pull(name)
  end,
  ['pull-cancel'] = function()
    if not require('codegemma.models').cancel() then
      client().notify('no model is being pulled', vim.log.levels.INFO)
    end
  end,
}

---@return string[]
function M.names()
  local names = vim.tbl_keys(SUBCOMMANDS)
  table.sort(names)
  return names
end

---@param words string a subcommand, the status where it is empty, and what it is about
function M.run(words)
  local name, about = words:match('^(%S*)%s*(.-)%s*$')
  local subcommand = SUBCOMMANDS[name == '' and 'status' or name]
  if not subcommand then
    local known = table.concat(M.names(), ', ')
    client().notify(('there is no `:CodeGemma %s`; there are %s'):format(name, known), vim.log.levels.ERROR)
    return
  end
  require('codegemma').start()
  subcommand(about)
end

return M
