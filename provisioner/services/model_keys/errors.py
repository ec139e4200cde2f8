"""What a model's provider can refuse, each with a name. `provisioner.errors` draws the tree."""

from provisioner.errors import ModelError


class ModelRefused(ModelError):
    """It is certain that no assistant can use the model with this key, whoever asks again."""


class ModelKeyRefused(ModelRefused):
    """The provider does not take the key (401), or the key may not do this (403)."""


class ModelUnknown(ModelRefused):
    """The provider takes the key, and has no such model for it (404)."""


class ManagementKeyRefused(ModelError):
    """The provider does not take the key that makes the customers' keys (401, 403)."""


class ModelKeyGone(ModelError):
    """There is no key by this hash (404)."""


class ModelProviderBusy(ModelError):
    """The provider did not answer, failed itself, or wants fewer requests.

    `sent` False means that nothing was done; True that it may have been. `wait` is in seconds.
    """

    def __init__(self, doing: str, cause: str, *, sent: bool, wait: float | None = None) -> None:
        super().__init__(doing, cause=cause, hint="run the same command again in a minute", retry=True)
        self.sent = sent
        self.wait = wait
