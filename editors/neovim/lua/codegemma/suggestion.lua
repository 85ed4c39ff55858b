--- The suggestion at the cursor: asked for, kept while it is typed, accepted in whole and in part.
---
--- The editor's own `vim.lsp.inline_completion` (0.12) is not used: it takes a suggestion away at every movement of the
--- cursor and draws it anew 200 ms later, leaves text that was typed meanwhile in front of what is accepted, and cannot
--- accept a part. One way for all versions is also less to learn.
local ghost = require('codegemma.ghost')
local client = require('codegemma.client')
local config = require('codegemma.config')
local text = require('codegemma.text')

local api = vim.api
local M = {}

---@class codegemma.Item
---@field text string from where the suggestion begins
---@field replaces integer how many bytes of the line right of there it takes the place of
---@field command table? what the server wants to be told when it is accepted

---@class codegemma.Suggestion
---@field buf integer
---@field row integer where it begins, from 0
---@field before string the line left of there
---@field after string the line right of there, when it was made
---@field items codegemma.Item[]
---@field index integer which of them is shown
---@field all boolean whether the user has asked for all that there are

---@type codegemma.Suggestion?
local current
--- The request under way.
---@type { client: table, id: integer }?
local pending
--- Where was asked last: it is not asked again there, be it that the answer was dismissed.
local asked_at

---@return string # tells one place in one state of a buffer from all others
local function place()
  local row, col = unpack(api.nvim_win_get_cursor(0))
  return ('%d %d %d %d'):format(api.nvim_get_current_buf(), api.nvim_buf_get_changedtick(0), row, col)
end

---@class codegemma.View
---@field row integer
---@field col integer
---@field rest string what of the suggestion is still to come
---@field replaced string what of the line right of the cursor it takes the place of
---@field item codegemma.Item

--- The suggestion as it is at the cursor: nil if something else has been typed, or if nothing of it is left.
---@return codegemma.View?
local function view()
  if not current or api.nvim_get_current_buf() ~= current.buf then
    return
  end
  local row, col = unpack(api.nvim_win_get_cursor(0))
  row = row - 1
  if row < current.row then
    return
  end
  local before = table.concat(api.nvim_buf_get_text(0, current.row, 0, row, col, {}), '\n')
  local item = current.items[current.index]
  local whole = current.before .. item.text
  if #before < #current.before or whole:sub(1, #before) ~= before then
    return
  end
  local rest = whole:sub(#before + 1)
  local after = api.nvim_get_current_line():sub(col + 1)
  -- A plugin may have paired in the bracket that the suggestion closes itself, or let one be typed over.
  local more = #after - #current.after
  local paired, typed_over = after:sub(1, math.max(more, 0)), math.max(-more, 0)
  local agrees = after:sub(#paired + 1) == current.after:sub(typed_over + 1)
  local replaced = after:sub(1, math.max(item.replaces + more, 0))
  if agrees and typed_over <= item.replaces and rest:find(paired, 1, true) and rest ~= replaced then
    return { row = row, col = col, rest = rest, replaced = replaced, item = item }
  end
end

---@return boolean
local function menu_is_open()
  local cmp, blink = package.loaded['cmp'], package.loaded['blink.cmp']
  return vim.fn.pumvisible() == 1
    or (cmp ~= nil and cmp.visible ~= nil and cmp.visible())
    or (blink ~= nil and blink.is_menu_visible ~= nil and blink.is_menu_visible())
end

---@return codegemma.View? # the suggestion that is to be seen
local function shown()
  if api.nvim_get_mode().mode:sub(1, 1) ~= 'i' or (config.options.hide_with_menu and menu_is_open()) then
    return
  end
  return view()
end

--- Whether a suggestion is on the screen.
---@return boolean
function M.is_visible()
  return shown() ~= nil
end

--- Draws what there is.
function M.redraw()
  local see = shown()
  if see then
    ghost.draw(current.buf, see.row, see.col, see.rest, see.replaced)
    require('codegemma.keys').ensure(current.buf)
  elseif current then
    ghost.clear(current.buf)
  end
end

local function cancel()
  if pending then
    client.call(pending.client, 'cancel_request', pending.id)
    pending = nil
  end
end

--- Takes the suggestion away, and the request for one back.
local function clear()
  cancel()
  if current then
    ghost.clear(current.buf)
    current = nil
  end
end

--- Begins anew: what was suggested, or not, does not count any more.
function M.forget()
  clear()
  asked_at = nil
end

---@param answer any what the server has answered
---@param encoding string how it counts columns
---@return codegemma.Item[] # those that fit to the cursor's line
local function items(answer, encoding)
  local row, col = unpack(api.nvim_win_get_cursor(0))
  local line = api.nvim_get_current_line()
  local found = {}
  for _, item in ipairs(type(answer) == 'table' and (answer.items or answer) or {}) do
    local range = item.range
    local fits = type(range) == 'table' and range.start.line == row - 1 and range['end'].line == row - 1
    local first = fits and text.byte_column(line, range.start.character, encoding) or col
    local last = fits and text.byte_column(line, range['end'].character, encoding) or col
    local typed = line:sub(first + 1, col)
    if fits and first <= col and last >= col and type(item.insertText) == 'string' then
      local whole = text.from_server(item.insertText, vim.bo.fileformat)
      if vim.startswith(whole, typed) then
        local command = type(item.command) == 'table' and item.command or nil
        table.insert(found, { text = whole:sub(#typed + 1), replaces = last - col, command = command })
      end
    end
  end
  return found
end

--- Takes over an answer. An empty one ends no suggestion that is being typed.
---@param found codegemma.Item[]
---@param invoked boolean
---@return boolean
local function take(found, invoked)
  if #found == 0 then
    return false
  end
  local row, col = unpack(api.nvim_win_get_cursor(0))
  local line = api.nvim_get_current_line()
  current = {
    buf = api.nvim_get_current_buf(),
    row = row - 1,
    before = line:sub(1, col),
    after = line:sub(col + 1),
    items = found,
    index = 1,
    all = invoked,
  }
  return true
end

--- Asks for a suggestion at the cursor, if it has not been asked there.
---@param invoked boolean whether the user asks, and wants all that there are
---@param taken fun()? runs when the answer is there
local function request(invoked, taken)
  local here = place()
  if not config.options.enabled or not config.options.ghost_text or (here == asked_at and not invoked) then
    return
  end
  local buf = api.nvim_get_current_buf()
  local server = client.get(buf)
  if not server then
    return
  end
  cancel()
  asked_at = here
  local params = client.cursor(server)
  params.context = { triggerKind = invoked and 1 or 2 }
  local id
  local sent, number = client.call(server, 'request', 'textDocument/inlineCompletion', params, function(_, answer)
    -- What an error says is in the server's log; the status shows a server that cannot answer.
    if not pending or pending.id ~= id then
      return
    end
    pending = nil
    if place() == here then
      if take(items(answer, server.offset_encoding), invoked) and taken then
        taken()
      end
      M.redraw()
    end
  end, buf)
  if sent then
    id = number
    pending = { client = server, id = id }
  end
end

--- The text or the cursor has changed: what agrees with the suggestion keeps it.
function M.update()
  if current and not view() then
    ghost.clear(current.buf)
    current = nil
  end
  if api.nvim_get_mode().mode:sub(1, 1) == 'i' then
    request(false)
  end
  M.redraw()
end

--- Tells the server what became of a suggestion.
---@param item codegemma.Item
---@param name string? a command; by default the item's own
local function tell(item, name)
  local server = client.get(current.buf)
  local command = item.command
  if server and command then
    client.execute(server, name or command.command, command.arguments)
  end
end

--- Inserts the suggestion, or the part of it that `part` cuts off.
---@param part fun(rest: string): string
local function insert(part)
  local see = shown()
  if not see then
    return
  end
  local piece = part(see.rest)
  local whole = piece == see.rest
  local lines = vim.split(piece, '\n', { plain = true })
  local stop = see.col + (whole and #see.replaced or 0)
  api.nvim_buf_set_text(0, see.row, see.col, see.row, stop, lines)
  local col = #lines[#lines] + (#lines == 1 and see.col or 0)
  api.nvim_win_set_cursor(0, { see.row + #lines, col })
  if whole then
    tell(see.item)
    clear()
  else
    tell(see.item, 'codegemma.partiallyAccepted')
  end
  M.update()
end

--- Accepts the suggestion, its next word or its next line.
---@param what 'all'|'word'|'line'
function M.accept(what)
  insert(({ all = function(rest)
    return rest
  end, word = text.word, line = text.line })[what])
end

--- Takes the suggestion away until something is typed.
function M.dismiss()
  if current then
    tell(current.items[current.index], 'codegemma.dismissed')
  end
  clear()
end

--- Shows the candidate after, or before, the one with this text.
---@param rest string
---@param step 1|-1
local function show_other(rest, step)
  local count = #current.items
  local at = step == 1 and 0 or 1
  for index = 1, count do
    current.index = index
    local see = view()
    at = see and see.rest == rest and index or at
  end
  current.index = (at - 1 + step) % count + 1
  local see = view()
  if see and see.rest == rest then
    api.nvim_echo({ { 'CodeGemma: there is no other suggestion here' } }, false, {})
  end
end

--- Shows another suggestion for the same place; where there is none yet, asks for it.
---@param step 1|-1
function M.cycle(step)
  local see = view()
  if not see then
    request(true)
  elseif current.all then
    show_other(see.rest, step)
    M.redraw()
  else
    request(true, function()
      show_other(see.rest, step)
    end)
  end
end

return M
