"""Where does batch normalization go? Tools to build, train, compare and check it in Keras 3.

Every public name is reachable as ``bn_companion.NAME`` and is imported when it is first
used, so that ``import bn_companion`` stays cheap and never loads TensorFlow by itself.
"""

import lazy_loader as lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
