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
from .train.engine import train_replicas as train_replicas
from .train.loss import accuracy_for as accuracy_for
from .train.loss import loss_for as loss_for
from .train.replicas import Replicas as Replicas
from .train.single import Run as Run
from .train.single import train_once as train_once
from .train.study import PlacementStudy as PlacementStudy
from .train.study import compare_placements as compare_placements
from .train.sweep import SweepInterrupted as SweepInterrupted
from .train.sweep import sweep as sweep

__version__: str
