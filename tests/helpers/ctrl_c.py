"""Press Ctrl-C in a training of this process."""

from __future__ import annotations

import signal

import keras


class PressesCtrlC(keras.callbacks.Callback):
    """Press Ctrl-C at the beginning of epochs, counted from 0 over all trainings."""

    def __init__(self, *epochs):
        super().__init__()
        self.epochs, self.begun = epochs, 0

    def on_epoch_begin(self, epoch, logs=None):
        for _ in range(self.epochs.count(self.begun)):
            signal.raise_signal(signal.SIGINT)
        self.begun += 1
