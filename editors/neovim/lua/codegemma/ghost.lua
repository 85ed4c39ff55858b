--- Draws a suggestion into the text around the cursor, so that it looks as it will when it is accepted.
---
--- It must not know where suggestions come from.
local M = {}

local api = vim.api
local namespace = api.nvim_create_namespace('codegemma')
local HIGHLIGHT = 'CodeGemmaSuggestion'

-- One mark lies over the text that the suggestion replaces, one stands behind that.
local OVER, BEHIND = 1, 2

---@param text string
---@param column integer the screen column that it begins at
---@return string # with spaces for tabs, as virtual text knows no tab stops
local function expand(text, column)
  local expanded = ''
  for part, tab in text:gsub('\r$', ''):gmatch('([^\t]*)(\t?)') do
    expanded = expanded .. part
    if tab ~= '' then
      local width = vim.fn.strdisplaywidth(expanded, column)
      expanded = expanded .. (' '):rep(vim.fn.strdisplaywidth('\t', column + width))
    end
  end
  return expanded
end

--- The beginning of a text that fills `cells` on the screen, and the rest.
---@return string, string
local function split_at(text, cells, column)
  local chars = vim.fn.split(text, '\\zs')
  local filled, width = '', 0
  local next = 1
  while chars[next] do
    local wider = vim.fn.strdisplaywidth(filled .. chars[next], column)
    if wider > cells then
      break
    end
    filled, width, next = filled .. chars[next], wider, next + 1
  end
  return filled .. (' '):rep(cells - width), table.concat(chars, '', next)
end

--- Shows `text` at a place, in front of which `replaced` disappears from the line.
---@param buf integer
---@param row integer from 0
---@param col integer in bytes
---@param text string
---@param replaced string what of the line right of the place the text takes the place of
function M.draw(buf, row, col, text, replaced)
  local line = api.nvim_buf_get_lines(buf, row, row + 1, true)[1]
  local column = vim.fn.strdisplaywidth(line:sub(1, col))
  local after = line:sub(col + 1)
  local lines = vim.split(text, '\n', { plain = true })
  -- With several lines, what stays of the line moves to the end of the last one.
  local covered = #lines > 1 and after or replaced
  local over, behind = split_at(expand(lines[1], column), vim.fn.strdisplaywidth(covered, column), column)
  M.clear(buf)
  if over ~= '' then
    api.nvim_buf_set_extmark(buf, namespace, row, col, {
      id = OVER,
      virt_text = { { over, HIGHLIGHT } },
      virt_text_pos = 'overlay',
    })
  end
  local below = {}
  for number = 2, #lines do
    local chunks = { { expand(lines[number], 0), HIGHLIGHT } }
    if number == #lines then
      table.insert(chunks, { after:sub(#replaced + 1), 'Normal' })
    end
    table.insert(below, chunks)
  end
  api.nvim_buf_set_extmark(buf, namespace, row, col + #covered, {
    id = BEHIND,
    virt_text = behind ~= '' and { { behind, HIGHLIGHT } } or nil,
    virt_text_pos = 'inline',
    virt_lines = #below > 0 and below or nil,
  })
end

---@param buf integer
function M.clear(buf)
  if api.nvim_buf_is_valid(buf) then
    api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  end
end

--- Makes the look of suggestions, where the colour scheme or the user has not.
function M.set_highlight()
  api.nvim_set_hl(0, HIGHLIGHT, { default = true, link = 'NonText' })
end

return M
