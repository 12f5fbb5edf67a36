"""The same rules, one step at a time, in plain Python: what the compiled engine is measured against.

No fast-forward, no heaps, no shared arrays: every replica takes every step, queues are sorted lists, the prefix cache
is an ordered dictionary. It knows neither failures nor scaling.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from gigawatt.requests.fleet import Disaggregated, Fleet
from gigawatt.requests.policies import Replicas, Request
from gigawatt.requests.traces import Requests


@dataclass
class Job:
    """A request on its way."""

    id: int
    rank: int
    key: float
    arrival_s: float
    input: int
    output: int
    prefix: tuple[int, ...]
    generated: int = 0
    kv: int = 0
    chunk: int = 0
    blocks: int = 0
    pinned: list[int] = field(default_factory=list)
    held: tuple | None = None
    first_token_s: float | None = None
    end_s: float | None = None
    reused: int = 0
    loaded: int = 0
    preemptions: int = 0

    @property
    def prompt(self) -> int:
        return self.input + self.generated

    @property
    def turn(self) -> tuple[int, float, int]:
        return (self.rank, self.key, self.id)


@dataclass
class Server:
    """A replica: its line, its batch, its memory."""

    pool: int
    costs: object
    capacity: int
    free: int
    waiting: list[Job] = field(default_factory=list)
    decoding: list[Job] = field(default_factory=list)
    filling: list[Job] = field(default_factory=list)
    moving: list[Job] = field(default_factory=list)
    landed: list[Job] = field(default_factory=list)
    users: dict[int, int] = field(default_factory=dict)
    unused: OrderedDict = field(default_factory=OrderedDict)
    beside: OrderedDict = field(default_factory=OrderedDict)
    load_s: float = 0.0
    ends_s: float | None = None
    look_s: float | None = None

    @property
    def requests(self) -> int:
        return len(self.waiting) + self.occupancy

    @property
    def occupancy(self) -> int:
        return len(self.decoding) + len(self.filling) + len(self.moving) + len(self.landed)

    @property
    def tokens(self) -> int:
        if self.pool == 1:
            return 0
        return sum(job.prompt for job in self.waiting) + sum(job.prompt - job.kv for job in self.filling)


class Reference:
    """Plays requests on a fleet."""

    def __init__(self, fleet: Fleet, requests: Requests, route, order, *, hash_tokens: int = 0) -> None:
        self.size = fleet.batching.block_tokens_count
        self.reserve = fleet.batching.reserve_fraction
        self.hash_tokens = hash_tokens
        self.worth = hash_tokens // self.size
        self.route = route
        self.routed = 0
        self.serving = fleet.serving
        self.split = isinstance(fleet.serving, Disaggregated)
        entry = fleet.pools[0].replica
        costs = entry.costs
        self.beside_most = entry.beside_tokens_count // hash_tokens if hash_tokens and entry.reads_sooner else 0
        self.beside_s_per_token = entry.beside_s_per_token
        self.batch_limit, self.step_tokens = costs.batch_limit_count, costs.step_tokens_limit_count
        self.servers = [
            Server(
                at,
                pool.replica.costs,
                pool.replica.kv_tokens_count // self.size,
                pool.replica.kv_tokens_count // self.size,
            )
            for at, pool in enumerate(fleet.pools)
            for _ in range(pool.most_count)
        ]
        rank, key = order(requests)
        self.jobs = [
            Job(
                id=at,
                rank=int(rank[at]),
                key=float(key[at]),
                arrival_s=float(requests.arrival_s[at]),
                input=int(requests.input_tokens_count[at]),
                output=int(requests.output_tokens_count[at]),
                prefix=tuple(requests.hashes[requests.hash_start[at] : requests.hash_start[at + 1]]),
            )
            for at in range(len(requests))
        ]
        self.transfers: list[tuple[float, int, Job, Server, Server]] = []
        self.dropped: list[Job] = []

    # --- memory ---

    def blocks_for(self, tokens: int) -> int:
        return -(-tokens // self.size)

    def available(self, server: Server) -> int:
        return server.free + len(server.unused) * self.worth

    def take(self, server: Server, count: int) -> None:
        while server.free < count:
            oldest, _ = server.unused.popitem(last=False)
            del server.users[oldest]
            self.keep(server, oldest)
            server.free += self.worth
        server.free -= count
        assert server.free >= 0

    def keep(self, server: Server, name: int) -> None:
        if not self.beside_most:
            return
        server.beside.pop(name, None)
        if len(server.beside) == self.beside_most:
            server.beside.popitem(last=False)
        server.beside[name] = None

    def read(self, server: Server, job: Job, matched: int) -> int:
        """Prefix blocks behind the matched ones that lie beside the device."""
        most = min(len(job.prefix), job.input // self.hash_tokens, (job.prompt - 1) // self.hash_tokens)
        found = 0
        for name in job.prefix[matched:most]:
            if name not in server.beside:
                break
            found += 1
        for name in job.prefix[matched : matched + found]:
            server.beside.move_to_end(name)
        job.loaded += found * self.hash_tokens
        server.load_s += found * self.hash_tokens * self.beside_s_per_token
        return found

    def matched(self, server: Server, job: Job) -> list[int]:
        if not self.worth:
            return []
        most = min(len(job.prefix), job.input // self.hash_tokens, (job.prompt - 1) // self.hash_tokens)
        found = []
        for name in job.prefix[:most]:
            if name not in server.users:
                break
            found.append(name)
        return found

    def use(self, server: Server, name: int) -> None:
        server.users[name] = server.users.get(name, 0) + 1
        server.unused.pop(name, None)

    def give_back(self, server: Server, pinned: list[int], blocks: int) -> None:
        server.free += blocks
        for name in reversed(pinned):
            server.users[name] -= 1
            if server.users[name] == 0:
                server.unused[name] = None

    def release(self, server: Server, job: Job) -> None:
        self.give_back(server, job.pinned, job.blocks)
        job.pinned, job.blocks, job.kv = [], 0, 0

    def share(self, server: Server, job: Job) -> None:
        if not self.worth:
            return
        for name in job.prefix[len(job.pinned) : job.input // self.hash_tokens]:
            if name in server.users:
                server.free += self.worth
            self.use(server, name)
            job.pinned.append(name)
            job.blocks -= self.worth

    # --- a step ---

    def lacking(self, job: Job, tokens: int) -> int:
        return self.blocks_for(tokens) - job.blocks - len(job.pinned) * self.worth

    def step_s(self, server: Server) -> float:
        costs, batch = server.costs, len(server.decoding)
        chunks = [(job.chunk, job.kv) for job in server.filling if job.chunk]
        total = costs.pass_s[batch + sum(new for new, _ in chunks)] + costs.decode_extra_s[batch]
        if batch:
            context = sum(job.kv + 1 for job in server.decoding) / batch
            total += _line(costs.decode_context_tokens_count, costs.decode_attention_s[batch], context)
        if chunks:
            total += costs.fill_floor_s + sum(_plane(costs, new, cached) for new, cached in chunks)
            total = max(total, costs.fill_least_s, server.load_s)
            server.load_s = 0.0
        return float(total)

    def finish(self, server: Server, now_s: float) -> None:
        kept = []
        for job in server.decoding:
            job.kv += 1
            job.generated += 1
            if job.generated == job.output:
                job.end_s = now_s
                self.release(server, job)
            else:
                kept.append(job)
        server.decoding = kept + server.landed
        server.landed = []
        kept = []
        for job in server.filling:
            prompt = job.prompt
            job.kv += job.chunk
            job.chunk = 0
            if job.kv < prompt:
                kept.append(job)
                continue
            job.generated += 1
            if job.first_token_s is None:
                job.first_token_s = now_s
            self.share(server, job)
            if job.generated == job.output:
                job.end_s = now_s
                self.release(server, job)
            elif self.split:
                job.held = (server, job.pinned, job.blocks)
                job.pinned, job.blocks = [], 0
                self.handed.append(job)
            else:
                server.decoding.append(job)
        server.filling = kept

    def make_room(self, server: Server, now_s: float) -> bool:
        """Room for one more token of everybody who decodes; the last served goes while there is none."""
        preempted = False
        while sum(self.lacking(job, job.kv + 1) for job in server.decoding) > self.available(server):
            victim = max(server.decoding + server.filling, key=lambda job: job.turn)
            (server.decoding if victim in server.decoding else server.filling).remove(victim)
            self.release(server, victim)
            victim.preemptions += 1
            preempted = True
            if server.pool == 1:
                self.send(victim, 0, now_s)
            else:
                server.waiting.append(victim)
        for job in server.decoding:
            more = self.lacking(job, job.kv + 1)
            if more:
                self.take(server, more)
                job.blocks += more
        return preempted

    def admit_to_decode(self, server: Server, job: Job, reserve: float, now_s: float) -> bool:
        kv = job.input + job.generated - 1
        need = self.blocks_for(kv + 1)
        if need + reserve > self.available(server):
            return False
        self.take(server, need)
        job.blocks, job.kv = need, kv
        server.moving.append(job)
        span_s = self.serving.move_start_s + kv * self.serving.move_s_per_token
        self.transfers.append((now_s + span_s, len(self.transfers), job, job.held[0], server))
        return True

    def admit_to_fill(self, server: Server, job: Job, reserve: float) -> bool:
        names = self.matched(server, job)
        idle = sum(1 for name in names if server.users[name] == 0)
        need = self.blocks_for(job.prompt) - len(names) * self.worth
        if need + reserve > self.available(server) - idle * self.worth:
            return False
        for name in names:
            self.use(server, name)
        beside = self.read(server, job, len(names)) if self.beside_most else 0
        self.take(server, need)
        job.pinned, job.blocks, job.kv = names, need, (len(names) + beside) * self.hash_tokens
        job.reused += job.kv
        server.filling.append(job)
        return True

    def admit(self, server: Server, budget: int, now_s: float) -> None:
        while server.waiting and server.occupancy < self.batch_limit:
            server.waiting.sort(key=lambda job: job.turn)
            job = server.waiting[0]
            reserve = self.reserve * server.capacity if server.occupancy else 0.0
            if server.pool == 1:
                admitted = self.admit_to_decode(server, job, reserve, now_s)
            else:
                admitted = budget > 0 and self.admit_to_fill(server, job, reserve)
            if not admitted:
                return
            server.waiting.pop(0)
            if server.pool == 0:
                job.chunk = min(job.prompt - job.kv, budget)
                budget -= job.chunk

    def start(self, server: Server, now_s: float) -> None:
        server.decoding += server.landed
        server.landed = []
        preempted = self.make_room(server, now_s)
        budget = self.step_tokens - len(server.decoding)
        for job in server.filling:
            job.chunk = min(job.prompt - job.kv, budget)
            budget -= job.chunk
        if not preempted:
            self.admit(server, budget, now_s)
        server.ends_s = now_s + self.step_s(server) if server.decoding or server.filling else None

    # --- what happens next ---

    def send(self, job: Job, pool: int, now_s: float) -> None:
        able = [server for server in self.servers if server.pool == pool]
        view = Replicas(
            np.array([server.requests for server in able]),
            np.array([server.tokens for server in able]),
            np.array([len(self.matched(server, job)) * self.hash_tokens if pool == 0 else 0 for server in able]),
        )
        chosen = able[self.route(view, Request(job.prompt, self.routed, np.zeros(2)))]
        self.routed += 1
        chosen.waiting.append(job)
        if chosen.ends_s is None:
            chosen.look_s = now_s

    def run(self) -> list[Job]:
        coming = list(self.jobs)
        while True:
            times = [server.ends_s if server.ends_s is not None else server.look_s for server in self.servers]
            step_s = min((time for time in times if time is not None), default=np.inf)
            move_s = min((entry[0] for entry in self.transfers if entry[2] is not None), default=np.inf)
            if coming and coming[0].arrival_s <= min(step_s, move_s):
                job = coming.pop(0)
                if self.blocks_for(job.input + job.output) > min(server.capacity for server in self.servers):
                    self.dropped.append(job)
                else:
                    self.send(job, 0, job.arrival_s)
                continue
            if min(step_s, move_s) == np.inf:
                return self.jobs
            if move_s <= step_s:
                self.land(move_s)
            else:
                self.boundary(self.servers[times.index(step_s)], step_s)

    def land(self, now_s: float) -> None:
        entry = min((each for each in self.transfers if each[2] is not None), key=lambda each: each[:2])
        self.transfers[entry[1]] = (np.inf, entry[1], None, None, None)
        _, _, job, source, server = entry
        self.give_back(source, job.held[1], job.held[2])
        job.held = None
        server.moving.remove(job)
        server.landed.append(job)
        for each in (server, source):
            if each.ends_s is None:
                each.look_s = now_s

    def boundary(self, server: Server, now_s: float) -> None:
        self.handed: list[Job] = []
        stepped = server.ends_s is not None
        server.ends_s = server.look_s = None
        if stepped:
            server.ends_s = now_s
            self.finish(server, now_s)
            for job in self.handed:
                self.send(job, 1, now_s)
        self.start(server, now_s)


def _line(knots, values, at):
    """Linear between knots and beyond the last."""
    cell = min(max(int(np.searchsorted(knots, at, "right")) - 1, 0), len(knots) - 2)
    return values[cell] + (at - knots[cell]) / (knots[cell + 1] - knots[cell]) * (values[cell + 1] - values[cell])


def _plane(costs, new, cached):
    rows = np.array([_line(costs.fill_cached_tokens_count, row, cached) for row in costs.fill_attention_s])
    return _line(costs.fill_new_tokens_count, rows, new)
