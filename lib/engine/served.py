"""Served: what the process of one copy of a model does, see `copies`."""

import os
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any

from lib.engine.request import EngineError
from lib.params.settings import Model

READY, DROP, DROPPED = "ready", "drop", "dropped"


def run(model: Model, share: str | None, pipe: Connection) -> None:
    """Take requests and give completions until the other side closes the pipe, or dies.

    Args:
        model: of which there is one copy here.
        share: its devices as CUDA_VISIBLE_DEVICES names them; None leaves that variable alone.
        pipe: takes requests, and DROP; gives READY, completions, DROPPED, and an EngineError for what fails.
    """
    if share is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = share  # before anything looks for GPUs
    from lib.engine.vllm import VLLMEngine

    inbox: SimpleQueue = SimpleQueue()
    Thread(target=_read, args=(pipe, inbox), daemon=True).start()  # so that neither side waits for the other to read
    with suppress(OSError):
        try:
            engine = VLLMEngine(model)
        except EngineError as error:
            pipe.send(error)
            return
        pipe.send(READY)
        while _turn(engine, inbox, pipe):
            pass


def _turn(engine: Any, inbox: SimpleQueue, pipe: Connection) -> bool:
    """Take what has come, do one step, and send what that finished, or why it failed; False at the end."""
    try:
        if not _take(engine, inbox, pipe):
            return False
        for done in engine.step():
            pipe.send(done)
    except EngineError as error:  # of one request, whose run then drops all
        pipe.send(error)
    return True


def _read(pipe: Connection, inbox: SimpleQueue) -> None:
    with suppress(EOFError, OSError):
        while True:
            inbox.put(pipe.recv())
    inbox.put(None)


def _take(engine: Any, inbox: SimpleQueue, pipe: Connection) -> bool:
    """Take what has come, and wait for it if there is nothing to do; False at the end."""
    while not engine.busy or not inbox.empty():
        message = inbox.get()
        if message is None:
            return False
        if message == DROP:
            engine.drop()
            pipe.send(DROPPED)
        else:
            engine.send(message)
    return True
