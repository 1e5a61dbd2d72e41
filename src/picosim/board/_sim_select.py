"""The `select` module of the virtual board."""

from select import *

from _sim_socket import poll
