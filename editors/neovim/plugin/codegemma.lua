if vim.g.loaded_codegemma then
  return
end
vim.g.loaded_codegemma = true

if vim.fn.has('nvim-0.10') == 0 then
  vim.notify('CodeGemma: this plugin needs Neovim 0.10 or newer', vim.log.levels.ERROR)
  return
end

vim.api.nvim_create_user_command('CodeGemma', function(command)
  require('codegemma.commands').run(command.args)
end, {
  nargs = '*',
  desc = 'Switch, restart and look at code suggestions',
  complete = function(beginning)
    return vim.tbl_filter(function(name)
      return vim.startswith(name, beginning)
    end, require('codegemma.commands').names())
  end,
})

-- Who does not call setup() gets the defaults, once everything has had its chance to.
if vim.v.vim_did_enter == 1 then
  require('codegemma').start()
else
  vim.api.nvim_create_autocmd('VimEnter', {
    once = true,
    callback = function()
      require('codegemma').start()
    end,
  })
end
