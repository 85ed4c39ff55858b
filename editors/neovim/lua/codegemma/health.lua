--- `:checkhealth codegemma`.
local M = {}

local health = vim.health

local function check_server()
  health.start('codegemma: the server')
  local client = require('codegemma.client')
  local cmd = require('codegemma.config').options.cmd
  if vim.fn.executable(cmd[1]) == 0 then
    health.error(('`%s` is not installed, or not on the PATH'):format(cmd[1]), {
      'run `cargo install --path server` in the repository of CodeGemma LSP',
      "or set `cmd` in require('codegemma').setup()",
    })
    return
  end
  health.ok(('`%s` is %s'):format(cmd[1], vim.fn.exepath(cmd[1])))
  local answered, version = pcall(function()
    return vim.system({ cmd[1], '--version' }, { text = true }):wait(5000)
  end)
  local number = answered and version.code == 0 and version.stdout:match('%d+%.%d+%.%d+')
  if not number then
    health.error(('`%s --version` does not tell a version; is it codegemma-lsp?'):format(cmd[1]))
  elseif vim.version.lt(number, client.NEEDS) then
    health.error(('it is version %s; this plugin needs %s or newer'):format(number, client.NEEDS))
  else
    health.ok('its version is ' .. number)
  end
  local status = client.status
  local model = status.model and ('; model: ' .. status.model) or ''
  local tell = ({ error = health.error, off = health.info, loading = health.info })[status.state] or health.ok
  tell(('it is %s: %s%s'):format(status.state, status.message, model))
end

local function check_keys()
  health.start('codegemma: keys')
  local keys = require('codegemma.config').options.keys
  if not keys then
    health.info('none are set (keys = false)')
    return
  end
  for action, key in vim.spairs(keys) do
    local mapping = key and vim.fn.maparg(key, 'i', false, true)
    if not mapping then
      health.info(('%s: no key'):format(action))
    elseif not require('codegemma').is_set_up() then
      -- Whatever stands there now may be another plugin's, which is kept beside ours.
      health.info(('%s: %s, from the end of start-up on'):format(action, key))
    elseif vim.tbl_isempty(mapping) then
      health.warn(('%s: %s has been unmapped'):format(action, key), {
        'it is taken over with the first suggestion in a buffer',
      })
    elseif vim.startswith(mapping.desc or '', 'CodeGemma: ') then
      health.ok(('%s: %s'):format(action, key))
    else
      health.warn(('%s: %s has another meaning: %s'):format(action, key, mapping.desc or mapping.rhs or 'a function'), {
        'it is taken over with the first suggestion in a buffer; set another one in `keys` to keep it',
      })
    end
  end
end

function M.check()
  health.start('codegemma: the editor')
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.10') == 1 then
    health.ok('Neovim ' .. version)
  else
    health.error(('Neovim %s; 0.10 or newer is needed'):format(version))
    return
  end
  check_server()
  check_keys()
end

return M
