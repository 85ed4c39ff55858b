--- The keys. Each does its work only where there is something to do; else it is what it was before: another mapping, or
--- the key itself.
local config = require('codegemma.config')

local M = {}

local DESCRIPTION = 'CodeGemma: '

--- What a key does. An undo step begins before and after what is accepted.
local ACTIONS = {
  accept = [[<C-g>u<Cmd>lua require('codegemma.suggestion').accept('all')<CR><C-g>u]],
  accept_word = [[<C-g>u<Cmd>lua require('codegemma.suggestion').accept('word')<CR><C-g>u]],
  accept_line = [[<C-g>u<Cmd>lua require('codegemma.suggestion').accept('line')<CR><C-g>u]],
  next = [[<Cmd>lua require('codegemma.suggestion').cycle(1)<CR>]],
  previous = [[<Cmd>lua require('codegemma.suggestion').cycle(-1)<CR>]],
  dismiss = [[<Cmd>lua require('codegemma.suggestion').dismiss()<CR>]],
  toggle = [[<Cmd>CodeGemma toggle<CR>]],
}

--- Those that work without a suggestion: asking for one, and switching.
local ALWAYS = { next = true, previous = true, toggle = true }

---@param keys string
local function codes(keys)
  return vim.api.nvim_replace_termcodes(keys, true, true, true)
end

local function plug(action)
  return ('<Plug>(codegemma-%s)'):format(action:gsub('_', '-'))
end

--- Gives what a key did before another name, so that it can still be done.
---@param key string
---@param buf integer? where the mapping is one of a buffer
---@return string
local function keep(key, buf)
  local name = ('<Plug>(codegemma-before-%s-%s)'):format(buf or 'all', key:gsub('[<>]', ''))
  local before = vim.fn.maparg(key, 'i', false, true)
  local with_alt = key:match('^<[MA]%-(.)>$')
  if vim.tbl_isempty(before) and with_alt then
    -- The editor takes a key with Alt that has no mapping for Escape and the key, but only when it is typed.
    vim.keymap.set('i', name, '<Esc>' .. with_alt, { remap = true })
  elseif vim.tbl_isempty(before) then
    vim.keymap.set('i', name, key)
  else
    before.lhs, before.lhsraw, before.lhsrawalt = name, codes(name), nil
    vim.fn.mapset('i', false, before)
  end
  return name
end

---@param action string
---@param key string
---@param buf integer? for one buffer, over a mapping of its own
local function map(action, key, buf)
  local before = codes(keep(key, buf))
  local now = codes(plug(action))
  vim.keymap.set('i', key, function()
    return (ALWAYS[action] or require('codegemma.suggestion').is_visible()) and now or before
  end, {
    expr = true,
    remap = true,
    replace_keycodes = false,
    buffer = buf,
    desc = DESCRIPTION .. action:gsub('_', ' '),
  })
end

--- Whether a key is ours already.
local function is_ours(mapping)
  return vim.startswith(mapping.desc or '', DESCRIPTION)
end

--- Makes the <Plug> mappings, and those of the keys that are set.
function M.set()
  for action, keys in pairs(ACTIONS) do
    vim.keymap.set('i', plug(action), keys, { desc = DESCRIPTION .. action:gsub('_', ' ') })
  end
  M.ensure()
end

--- Takes keys over that have another meaning: of a buffer, where completion plugins map theirs as late as insert mode
--- begins, or of all.
---@param buf integer?
function M.ensure(buf)
  for action, key in pairs(config.options.keys or {}) do
    if key then
      local mapping = vim.fn.maparg(key, 'i', false, true)
      if not is_ours(mapping) then
        map(action, key, mapping.buffer == 1 and buf or nil)
      end
    end
  end
end

--- Does an action if there is something to do: for mappings of the user's own.
---@param action string
---@return boolean
function M.act(action)
  if not ALWAYS[action] and not require('codegemma.suggestion').is_visible() then
    return false
  end
  vim.api.nvim_feedkeys(codes(ACTIONS[action]), 'in', false)
  return true
end

return M
