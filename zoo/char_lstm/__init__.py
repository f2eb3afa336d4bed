"""A recurrent language model: LSTM or GRU over characters."""

from zoo.char_lstm.model import CharLSTM

__all__ = ["CharLSTM"]
