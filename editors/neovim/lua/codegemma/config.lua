--- The options: their defaults, and what is said of values that make no sense. Those keep their default.
local M = {}

---@class codegemma.Options
M.defaults = {
  --- The server and its flags, for example { 'codegemma-lsp', '--model', '/models/codegemma-2b.gguf' }.
  ---@type string[]
  cmd = { 'codegemma-lsp' },
  --- What the server is told as its section `codegemma`; it checks that itself.
  ---@type table<string, any>
  settings = {},
  --- Whether suggestions are shown from the start; `:CodeGemma enable` and `disable` change it.
  enabled = true,
  --- Whether suggestions are shown as ghost text.
  ghost_text = true,
  --- Whether they are offered to completion menus too.
  menu = false,
  --- Whether ghost text is hidden while a completion menu is open.
  hide_with_menu = true,
  --- Files that are larger are left alone, in KiB.
  max_file_kib = 1024,
  --- Keys in insert mode, or false for none; a key may be false, too.
  ---@type table<string, string|false>|false
  keys = {
    accept = '<Tab>',
    accept_word = '<M-w>',
    accept_line = '<M-l>',
    next = '<M-n>',
    previous = '<M-p>',
    dismiss = '<C-]>',
    toggle = false,
  },
}

---@type codegemma.Options
M.options = vim.deepcopy(M.defaults)

--- What is wrong with the value of an option, or nil.
---@param name string
---@param value any
---@return string?
local function fault(name, value)
  local default = M.defaults[name]
  if default == nil then
    local names = vim.tbl_keys(M.defaults)
    table.sort(names)
    return ('there is no such option; the options are %s'):format(table.concat(names, ', '))
  elseif name == 'cmd' then
    local strings = type(value) == 'table' and #value > 0 and vim.iter(value):all(function(word)
      return type(word) == 'string'
    end)
    return not strings and 'expected a list of strings, the first of which is the program' or nil
  elseif name == 'keys' and value == false then
    return nil
  elseif type(value) ~= type(default) then
    return ('expected a %s, found %s'):format(type(default), vim.inspect(value))
  elseif name == 'max_file_kib' and value <= 0 then
    return 'expected a number above 0'
  end
end

---@param keys table
---@param refused string[]
---@return table<string, string|false>
local function merge_keys(keys, refused)
  local merged = vim.deepcopy(M.defaults.keys) --[[@as table]]
  for action, key in pairs(keys) do
    if merged[action] == nil then
      local actions = vim.tbl_keys(merged)
      table.sort(actions)
      local message = 'keys.%s: there is no such action; there are %s'
      table.insert(refused, message:format(action, table.concat(actions, ', ')))
    elseif type(key) ~= 'string' and key ~= false then
      table.insert(refused, ('keys.%s: expected a key or false, found %s'):format(action, vim.inspect(key)))
    else
      merged[action] = key
    end
  end
  return merged
end

--- Takes over what the user sets, and returns what it could not take.
---@param user any
---@return string[]
function M.set(user)
  local refused = {}
  M.options = vim.deepcopy(M.defaults)
  if user ~= nil and type(user) ~= 'table' then
    return { ('setup: expected a table with options, found %s; the defaults hold'):format(vim.inspect(user)) }
  end
  for name, value in pairs(user or {}) do
    local found = fault(name, value)
    if found then
      table.insert(refused, ('%s: %s'):format(name, found))
    elseif name == 'keys' and value then
      M.options.keys = merge_keys(value, refused)
    else
      M.options[name] = value
    end
  end
  return refused
end

return M
