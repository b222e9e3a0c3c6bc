"""Simulated providers: servers that hold a client to the real providers' rules.

A `Simulation` is one such provider: the wire formats that it speaks, the script of what its model
says, its accounts and the faults that it shows. `served` and `serve` put it on a port of this
machine. Every answer carries the header `x-simulated: true` and identifiers with `sim` in them:
what it says is never a claim about a real model.

To add a wire format, write one module with a class that is a `cascade.simulated.wire.Wire`.
"""

__all__: list[str] = []
