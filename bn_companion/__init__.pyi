from . import data as data
from . import plots as plots
from .build.blocks import conv_block as conv_block
from .build.blocks import dense_block as dense_block
from .build.models import convnet as convnet
from .build.models import mlp as mlp
from .build.models import question_mlp as question_mlp
from .build.models import sigmoid_mlp as sigmoid_mlp
from .build.placement import Placement as Placement
from .build.residual import ResidualOrder as ResidualOrder
from .build.residual import resnet as resnet
from .data import Dataset as Dataset
from .data import DataUnavailableError as DataUnavailableError
from .data import load as load
from .session import reproducible as reproducible
from .train.single import Run as Run
from .train.single import train_once as train_once

__version__: str
