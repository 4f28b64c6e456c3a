"""Real agent CLIs against the model server: what every test here is given."""

from tests.model_server import model_server

__all__ = ["model_server"]
