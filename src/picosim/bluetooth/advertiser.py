"""A controller's advertiser, with the interval in its unit and the jitter of the standard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bumble import controller as stock

if TYPE_CHECKING:
    from picosim.bluetooth.controller import SimController

UNIT_S = 0.000625
JITTER_S = 0.01
IND, DIRECT_IND, SCAN_IND, NONCONN_IND, SCAN_RSP = range(5)


class Advertiser(stock.LegacyAdvertiser):
    """Legacy advertising, of all types, with scan responses."""

    controller: SimController

    def _on_timer_fired(self) -> None:
        if not self.enabled:
            return
        radio = self.controller.radio
        delay_s = self.advertising_interval_max * UNIT_S + radio.rng.uniform(0, JITTER_S)
        self.timer_handle = asyncio.get_running_loop().call_later(delay_s, self._on_timer_fired)
        kind, response = self.advertising_type, self.scan_response_data
        radio.advertised(self.controller, kind, self.advertising_data, response)
