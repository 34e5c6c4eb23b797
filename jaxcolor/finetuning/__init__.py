"""Fine-tuning of a trained model on a user's own photographs."""

from jaxcolor.finetuning.finetune import Outcome, Request, sheet_of, tune

__all__ = ["Outcome", "Request", "sheet_of", "tune"]
