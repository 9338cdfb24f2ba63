"""The subcommands of ``bn-companion``, a module each.

A module has one public function, ``register(commands)``, which adds its parser and sets ``run``, a
function from the parsed arguments to the exit status. Modules are imported for every subcommand,
so whatever is heavy is imported inside of ``run``. What several of them need, such as loading a
model without running its code, is in the modules with an underscore.
"""
