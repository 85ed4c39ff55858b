--- What the text of a suggestion is cut into. Pure: it must not know buffers, windows or the server.
local M = {}

--- The beginning of a text up to and with its first word, or else its first run of signs, with the whitespace before.
--- Letters beyond ASCII count as those of words.
---@param text string
---@return string
function M.word(text)
  return text:match('^%s*[%w_\128-\255]+') or text:match('^%s*[^%w%s_\128-\255]+') or text
end

--- The rest of the text's first line; where nothing is left of that, the line break and the line after it.
---@param text string
---@return string
function M.line(text)
  return text:match('^\n?[^\n]*') --[[@as string]]
end

--- A text from the server as the buffer has it, where lines end with `\n` whatever is in the file.
---@param text string
---@param fileformat string
---@return string
function M.from_server(text, fileformat)
  if fileformat == 'dos' then
    return (text:gsub('\r\n', '\n'))
  elseif fileformat == 'mac' then
    return (text:gsub('\r', '\n'))
  end
  return text
end

--- The column in bytes of a column that the server counts.
---@param line string
---@param character integer
---@param encoding string how the server counts: utf-8, utf-16 or utf-32
---@return integer
function M.byte_column(line, character, encoding)
  if encoding == 'utf-8' then
    return math.min(character, #line)
  elseif vim.fn.has('nvim-0.11') == 1 then
    return vim.str_byteindex(line, encoding, character, false)
  end
  local ok, column = pcall(vim.str_byteindex, line, character, encoding == 'utf-16')
  return ok and column or #line
end

--- The column that the server counts for a column in bytes.
---@param line string
---@param column integer
---@param encoding string
---@return integer
function M.character(line, column, encoding)
  if encoding == 'utf-8' then
    return column
  elseif vim.fn.has('nvim-0.11') == 1 then
    return vim.str_utfindex(line, encoding, column, false)
  end
  local utf32, utf16 = vim.str_utfindex(line, column)
  return encoding == 'utf-16' and utf16 or utf32
end

return M
