"""A run of seconds: a tiny network, with a curriculum and replay, so that its log holds every kind of event.

Needs nothing. Starts no training itself.
"""

from derm.model.config import ModelConfig
from derm.train.config import TrainConfig
from derm.train.curriculum import CurriculumConfig
from derm.train.replay import ReplayConfig

CONFIG = TrainConfig(
    model=ModelConfig(encoder="test_efficientnet", input_size=32, feature_channels=32, decoder_channels=(8, 8, 8)),
    curriculum=CurriculumConfig(enabled=True),
    replay=ReplayConfig(enabled=True, capacity=16),
    start="random",
    epochs=4,
    batch=6,
    learning_rate=3e-3,
    workers=0,
    lookahead=2,
    log_every=1,
)
