"""MicroPython's asyncio on a virtual clock: `Task` and `TaskQueue` in the place of those in C.

Every task belongs to the process that made it, so that one board of several can be killed while the
others go on. On MicroPython all else of asyncio is its own (`install`); on CPython boardshim.py has
the rest of it. Runs on both interpreters.
"""

from heapq import heappop, heappush

core = None  # MicroPython's asyncio.core, or what stands for it
world = None  # of the scenario that runs
_order = 0


class TaskQueue:
    """Tasks by the time when they are due."""

    def __init__(self):
        self._heap = []

    def push(self, task, key=None, data=None):
        global _order
        _order += 1
        task.data = data
        task.ph_key = world.now_ms if key is None else key
        task.entry = entry = [task.ph_key, _order, task]
        heappush(self._heap, entry)
        if self is core._task_queue:
            world.wake_board()

    def peek(self):
        heap = self._heap
        while heap:
            task = heap[0][2]
            if task is None or task.owner.dead:
                heappop(heap)
            elif self is core._task_queue and task.owner.frozen_until_ms > max(
                world.now_ms, task.ph_key
            ):
                heappop(heap)
                self.push(task, task.owner.frozen_until_ms, task.data)
            else:
                return task
        return None

    def pop(self):
        task = self.peek()
        heappop(self._heap)
        task.entry = None
        if self is core._task_queue:
            world.process = task.owner
        return task

    def remove(self, task):
        if task.entry is not None:
            task.entry[2] = None
            task.entry = None


class Task:
    """A coroutine that runs beside others."""

    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0
        self.entry = None
        self.owner = world.process
        tasks = self.owner.tasks
        if len(tasks) > 64:
            tasks[:] = [task for task in tasks if task.state]
        tasks.append(self)

    def __iter__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        elif type(self.state) is not TaskQueue:
            raise RuntimeError("Task can't be waited")
        return self

    __await__ = __iter__

    def __next__(self):
        if not self.state:
            if self.data is None:
                raise StopIteration
            raise self.data
        self.state.push(core.cur_task)
        core.cur_task.data = self

    def done(self):
        return not self.state

    def cancel(self):
        task = self
        if not task.state:
            return False
        if task is core.cur_task:
            raise RuntimeError("can't cancel self")
        while isinstance(task.data, Task):
            task = task.data
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            core._task_queue.push(task)
        elif task.ph_key > world.now_ms:
            core._task_queue.remove(task)
            core._task_queue.push(task)
        task.data = core.CancelledError
        return True


class IOQueue:
    """Tasks that wait for a link: what MicroPython keeps with its poller."""

    def __init__(self):
        self.map = {0: None}  # never empty: MicroPython would end its loop

    def queue_read(self, pollable):
        _Waiting(self, pollable, pollable.readable)

    def queue_write(self, pollable):
        _Waiting(self, pollable, pollable.writable)

    def remove(self, task):
        for waiting in list(self.map.values()):
            if waiting is not None and waiting.task is task:
                waiting.stop()

    def wait_io_event(self, wait_ms):
        """MicroPython's loop has nothing to do for so long (-1: until something happens)."""
        world.pause(wait_ms)


class _Waiting:
    """A task that waits for a pollable."""

    def __init__(self, queue, pollable, ready):
        self.queue = queue
        self.pollable = pollable
        self.ready = ready
        self.task = core.cur_task
        self.task.data = queue
        self.task.entry = None
        queue.map[id(self)] = self
        pollable.watchers.append(self.look)
        self.look()

    def stop(self):
        if self.queue.map.pop(id(self), None) is not None:
            self.pollable.watchers.remove(self.look)

    def look(self):
        if self.ready() and id(self) in self.queue.map:
            self.stop()
            core._task_queue.push(self.task)


def install(module):
    """Puts ours into `asyncio.core`."""
    global core
    core = module
    module.Task = Task
    module.TaskQueue = TaskQueue
    module.ticks = lambda: world.now_ms
    module.ticks_add = lambda at, ms: at + ms
    module.ticks_diff = lambda a, b: a - b
    renew()


def renew():
    """Everything anew, for the next scenario."""
    core._task_queue = TaskQueue()
    core._io_queue = IOQueue()
    core.cur_task = None
