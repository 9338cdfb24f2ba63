"""Whether a source wires batch normalization right, found without importing or running it.

`linter.lint` is the way in. The analysis reads the tree of the standard library's `ast`: parsing
and walking it takes a tenth of the time that LibCST takes to parse alone, and a thousand files
must be read within seconds. LibCST, which keeps every blank and comment, is imported only when a
file is rewritten, and then for that file alone.

============== ==================================================================================
reading        `files`, `source`, `notebook`, `magics`: what there is to check, as one tree
names          `names`, `scopes`: what a name stands for; `catalog`: what Keras' layers are
running        `values`, `facts`; `effects`, `evaluate`, `models`, `calls`, `assign`, `flow`,
               `conditions`; `analysis`: an abstract run finds out which layer feeds which
wiring         `wiring`, `unused`, `bias`, `order`, `doubts`: BN001 to BN004
migration      `migration`, `keywords`, `positions`, `methods`, `moved`, with the tables
               `old_arguments` and `old_names`: BN101 to BN106
answers        `problem`, `linter`, `noqa`, `report`
repairs        `spelling`, `inputs`, `schedule`: what to write; `rewrite`, `call_edits`: writing it
============== ==================================================================================

Nothing here imports TensorFlow or Keras. A false alarm is worse than a miss: where the source
leaves a doubt, the rules are silent.
"""
