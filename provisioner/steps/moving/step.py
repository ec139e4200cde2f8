"""What the steps of a move have in common."""

from abc import abstractmethod

from provisioner.customers.parts.setup import Move
from provisioner.customers.record import Customer
from provisioner.settings import Settings
from provisioner.step import Step, Work

DOING = "move the server"


class MovingStep(Step):
    """A step that has something to do for who is being moved and is not to stay, as `behind` says."""

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        if settings.digitalocean_token is None:
            return ["set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env"]
        return []

    def done(self, customer: Customer) -> bool:
        move = customer.setup.move
        return move is None or move.undo_at is not None or self.behind(move)

    @abstractmethod
    def behind(self, move: Move) -> bool:
        """Whether the step is behind this move; from the record alone."""


def move_of(work: Work) -> Move:
    """How the customer of this work is moved; a step that is not done has it."""
    move = work.customer.setup.move
    assert move is not None, "only who is being moved has something to do"
    return move
