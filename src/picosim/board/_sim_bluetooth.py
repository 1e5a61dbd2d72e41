"""The `bluetooth` module as the rp2 port has it on BTstack; the radio is in bluetooth/.

Everything is a call to the simulator (`_sim_ble_line.py`). The values of the GATT server are kept
here, as in the firmware. A handler's memoryviews hold rubbish once it has returned.
"""

import binascii
import errno
import sys

import _sim_ble_line as _air
import _sim_bus as _bus

FLAG_READ = 0x02
FLAG_WRITE_NO_RESPONSE = 0x04
FLAG_WRITE = 0x08
FLAG_NOTIFY = 0x10
FLAG_INDICATE = 0x20

_GATTS_WRITE = 3
_GATTS_READ_REQUEST = 4
_GAP_NAME = 3  # its handle
_DEFAULT_BYTES = 20  # of a value
_LARGEST_MTU = 1017
_RUBBISH = b"\xa5" * 1024

_ble = None


def _hex(data):
    return None if data is None else binascii.hexlify(memoryview(data)).decode()


def _buffer(data):
    return data.encode() if isinstance(data, str) else data


class _Value:
    def __init__(self, size):
        self.size = size
        self.data = b""
        self.append = False


class UUID(bytearray):
    """2, 4 or 16 bytes, least significant first, readable as a buffer."""

    def __init__(self, value):
        if isinstance(value, int):
            if value > 65535:
                raise ValueError("invalid UUID")
            super().__init__(bytes((value & 0xFF, value >> 8 & 0xFF)))
        elif isinstance(value, str):
            digits = value.replace("-", "")
            for c in digits:
                if c not in "0123456789abcdefABCDEF":
                    raise ValueError("invalid char in UUID")
            if len(digits) != 32:
                raise ValueError("UUID too " + ("long" if len(digits) > 32 else "short"))
            super().__init__(bytes(reversed(binascii.unhexlify(digits))))
        else:
            data = bytes(value)
            if len(data) not in (2, 4, 16):
                raise ValueError("UUID too short")
            super().__init__(data)

    def __hash__(self):
        return hash(bytes(self))

    def __eq__(self, other):
        return isinstance(other, UUID) and bytes(self) == bytes(other)

    def __lt__(self, other):
        a, b = bytes(self), bytes(other)
        return a < b if len(a) == len(b) else len(a) < len(b)

    def __repr__(self):
        text = binascii.hexlify(bytes(reversed(bytes(self)))).decode()
        if len(text) < 32:
            return "UUID(0x%s)" % text
        parts = (text[:8], text[8:12], text[12:16], text[16:20], text[20:])
        return "UUID('%s')" % "-".join(parts)

    def __str__(self):
        return repr(self)


class BLE:
    def __new__(cls):
        global _ble
        if _ble is None:
            _ble = object.__new__(cls)
            _ble._handler = None
            _ble._forget()
            _air.happened = _ble._happened
        return _ble

    def __init__(self):
        pass

    def _forget(self):
        self._values = {_GAP_NAME: _Value(11)}
        self._values[_GAP_NAME].data = b"MPY BTSTACK"
        self._mtu = _LARGEST_MTU
        self._notifiable = set()

    def _check(self):
        if _air.line is None:
            raise OSError(errno.ENODEV)

    def _value(self, handle):
        self._check()
        if handle not in self._values:
            raise OSError(errno.EINVAL)
        return self._values[handle]

    def active(self, on=None):
        if on is None or bool(on) == (_air.line is not None):
            return _air.line is not None
        if not on:
            _air.call("off")
            _air.close()
            self._forget()
            return False
        _air.open()
        self._forget()
        try:
            _air.call("on")
        except OSError:
            _air.close()
            raise
        return True

    def config(self, *args, **kw):
        if args and kw:
            raise TypeError("can't specify pos and kw args")
        if not kw:
            if len(args) != 1:
                raise TypeError("must query one param")
            return self._config(args[0])
        for name, value in kw.items():
            if name == "gap_name":
                self._value(_GAP_NAME)
                self._write(_GAP_NAME, bytes(_buffer(value)))
            elif name == "mtu":
                self._check()
                if not 23 <= value <= _LARGEST_MTU:
                    raise OSError(errno.EINVAL)
                self._mtu = value
                _air.call("mtu", value)
            elif name == "addr_mode":
                self._check()
                if value != 0:  # the radio has a public address, and no private ones are there
                    _air.call("address", value)
            else:  # rxbuf, and all about bonding: not on this stack
                raise ValueError("unknown config param")

    def _config(self, name):
        if name == "gap_name":
            return bytes(self._value(_GAP_NAME).data)
        if name == "mac":
            return tuple(
                binascii.unhexlify(x) if isinstance(x, str) else x for x in _air.call("mac")
            )
        if name == "mtu":
            self._check()
            return self._mtu
        raise ValueError("unknown config param")

    def irq(self, handler):
        if handler is not None and not callable(handler):
            raise ValueError("invalid handler")
        self._handler = handler

    # -- events

    def _happened(self, event):
        """Handle one; returns what the simulator wants to know of it, if anything."""
        number, args = event[0], event[1:]
        if number in (_GATTS_WRITE, _GATTS_READ_REQUEST):
            return self._accessed(number, *args)
        made = []
        for i, arg in enumerate(args):
            if isinstance(arg, str):
                if arg.startswith("u"):
                    arg = UUID(binascii.unhexlify(arg[1:]))
                    made.append(arg)
                else:
                    data = bytearray(binascii.unhexlify(arg))
                    made.append(data)
                    arg = memoryview(data)
                args[i] = arg
        self._tell(number, tuple(args))
        for data in made:
            memoryview(data)[:] = memoryview(_RUBBISH)[: len(bytes(data))]

    def _accessed(self, number, conn_handle, handle, request, data):
        value = self._values.get(handle)
        if value is None:
            return None if request is None else [request, 0, ""]
        if number == _GATTS_WRITE:
            data = binascii.unhexlify(data)
            start = value.data if value.append else b""
            value.data = (start + data)[: value.size]
            if handle not in self._notifiable:  # else it is a subscription
                self._tell(_GATTS_WRITE, (conn_handle, handle))
            return None if request is None else [request, 0, ""]
        denied = 0
        if handle != _GAP_NAME and handle not in self._notifiable:
            denied = self._tell(_GATTS_READ_REQUEST, (conn_handle, handle)) or 0
        return [request, int(denied), "" if denied else _hex(value.data)]

    def _tell(self, number, data):
        if self._handler is None:
            return None
        try:
            return self._handler(number, data)
        except KeyboardInterrupt:  # it is meant for the program
            _bus.interrupt_again()
        except Exception as error:
            print("Unhandled exception in IRQ callback handler")
            sys.print_exception(error)

    # -- GAP

    def gap_advertise(self, interval_us=500000, adv_data=None, *, resp_data=None, connectable=True):
        if interval_us is None:
            if _air.line is not None:
                _air.call("quiet")
            return
        self._check()
        adv, resp = _hex(_buffer(adv_data)), _hex(_buffer(resp_data))
        _air.call("advertise", interval_us, adv, resp, bool(connectable))

    def gap_scan(self, duration_ms=0, interval_us=1280000, window_us=11250, active=False):
        if duration_ms is None:
            _air.call("scan_stop")
        else:
            _air.call("scan", duration_ms, interval_us, window_us, bool(active))

    def gap_connect(
        self, addr_type, addr=None, scan_duration_ms=2000, min_conn_interval_us=None,
        max_conn_interval_us=None
    ):  # fmt: skip
        self._check()
        if addr_type is None:
            _air.call("connect_cancel")
            return
        if len(addr) != 6:
            raise ValueError("invalid addr")
        low, high = min_conn_interval_us or 0, max_conn_interval_us or 0
        _air.call("connect", addr_type, _hex(addr), scan_duration_ms, low, high)

    def gap_disconnect(self, conn_handle):
        return _air.call("disconnect", conn_handle)

    # -- GATT server

    def gatts_register_services(self, services):
        self._check()
        wanted = []
        for service, characteristics in services:
            self._uuid(service, "invalid service UUID")
            listed = []
            for characteristic in characteristics:
                if not 2 <= len(characteristic) <= 3:
                    raise ValueError("invalid characteristic tuple")
                self._uuid(characteristic[0], "invalid characteristic UUID")
                descriptors = []
                for uuid, flags in characteristic[2] if len(characteristic) > 2 else ():
                    self._uuid(uuid, "invalid descriptor UUID")
                    descriptors.append([_hex(uuid), flags])
                listed.append([_hex(characteristic[0]), characteristic[1], descriptors])
            wanted.append([_hex(service), listed])
        all_handles, cccds = _air.call("services", wanted)
        name = self._values[_GAP_NAME]
        self._values = {_GAP_NAME: name}
        for handles in all_handles:
            for handle in handles:
                self._values[handle] = _Value(_DEFAULT_BYTES)
        for handle in cccds:
            self._values[handle] = _Value(2)
            self._values[handle].data = b"\x00\x00"
        self._notifiable = set(cccds)
        return tuple(tuple(handles) for handles in all_handles)

    def _uuid(self, uuid, error):
        if not isinstance(uuid, UUID):
            raise ValueError(error)

    def gatts_read(self, value_handle):
        value = self._value(value_handle)
        data = value.data
        if value.append:
            value.data = b""
        return bytes(data)

    def _write(self, handle, data):
        value = self._value(handle)
        value.data = data
        value.size = max(value.size, len(data))

    def gatts_write(self, value_handle, data, send_update=False):
        data = bytes(_buffer(data))
        self._check()
        if send_update and value_handle + 1 not in self._notifiable:
            raise OSError(errno.EINVAL)
        self._write(value_handle, data)
        if send_update:
            wanted = self._values[value_handle + 1].data[:1]
            if wanted and wanted[0] & 3:
                _air.call("update", value_handle, _hex(data), wanted[0] & 3)
        return len(data)

    def gatts_notify(self, conn_handle, value_handle, data=None):
        self._tell_peer("notify", conn_handle, value_handle, data)

    def gatts_indicate(self, conn_handle, value_handle, data=None):
        self._tell_peer("indicate", conn_handle, value_handle, data)

    def _tell_peer(self, how, conn_handle, value_handle, data):
        self._check()
        if data is None:
            data = self.gatts_read(value_handle)
        _air.call(how, conn_handle, value_handle, _hex(_buffer(data)))

    def gatts_set_buffer(self, value_handle, len, append=False):
        value = self._value(value_handle)
        value.size, value.append, value.data = len, bool(append), b""

    # -- GATT client

    def gattc_discover_services(self, conn_handle, uuid=None):
        self._check()
        _air.call("client", "discover_services", conn_handle, self._wanted(uuid))

    def gattc_discover_characteristics(self, conn_handle, start_handle, end_handle, uuid=None):
        self._check()
        about = (start_handle, end_handle, self._wanted(uuid))
        _air.call("client", "discover_characteristics", conn_handle, *about)

    def gattc_discover_descriptors(self, conn_handle, start_handle, end_handle):
        _air.call("client", "discover_descriptors", conn_handle, start_handle, end_handle)

    def _wanted(self, uuid):
        if uuid is not None and not isinstance(uuid, UUID):
            raise TypeError("UUID")
        return _hex(uuid)

    def gattc_read(self, conn_handle, value_handle):
        _air.call("client", "read", conn_handle, value_handle)

    def gattc_write(self, conn_handle, value_handle, data, mode=0):
        self._check()
        _air.call("client", "write", conn_handle, value_handle, _hex(_buffer(data)), mode)

    def gattc_exchange_mtu(self, conn_handle):
        _air.call("client", "exchange_mtu", conn_handle, self._mtu)

    # -- L2CAP channels: not on this stack

    def l2cap_listen(self, psm, mtu):
        raise OSError(errno.EOPNOTSUPP)

    def l2cap_connect(self, conn_handle, psm, mtu):
        raise OSError(errno.EOPNOTSUPP)
