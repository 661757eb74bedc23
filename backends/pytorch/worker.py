"""The far end of the pytorch backend: computes networks with PyTorch as its users write them, and is timed from outside.

It reads requests from the socket that is its standard input, one JSON object a line and then raw floats, and answers
each with one line, a status word and a detail; pytorch.c is the other end. It ends when the socket closes.
"""
import json
import socket
import time

import torch
import torch.nn.functional as F

CHOICE_S = 0.05  # how long each way to compute a layer is tried in prepare
PRODUCT_BYTES = 1 << 28  # largest array of all products of a layer that is worth trying


def fastest(calls):
    """Index of the call that takes the least time: each is tried at least three times."""
    times = []
    for call in calls:
        call()
        least, count, end = float("inf"), 0, time.perf_counter() + CHOICE_S
        while count < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            call()
            least, count = min(least, time.perf_counter() - start), count + 1
        times.append(least)
    return times.index(min(times))


def blocks(layer):
    """p, q, k, and the rows m and columns n of a layer's matrix (of one group and tap)."""
    m, n, k = layer["m"], layer["n"], layer["block"]
    return -(-m // k), -(-n // k), k, m, n


def fc_linear(layer, weights, bias, _):
    matrix = weights.view(layer["m"], layer["n"])
    return "", lambda x: F.linear(x.flatten(1), matrix, bias)


def fc_rfft_bmm(layer, weights, bias, batch):
    """Spectra of the weights once; x -> rfft -> one product per bin -> irfft, in the fastest of four layouts."""
    p, q, k, m, n = blocks(layer)
    spectra = torch.fft.rfft(weights.view(p, q, k))  # [p][q][bins]
    bins = spectra.shape[-1]

    def forward(product):
        def step(x):
            x = x.flatten(1)
            x = F.pad(x, (0, q * k - n)) if n < q * k else x
            y = torch.fft.irfft(product(torch.fft.rfft(x.view(-1, q, k))), n=k)
            y = y.flatten(1)[:, :m]
            return y if bias is None else y + bias
        return step

    samples_first = spectra.permute(2, 1, 0).contiguous()  # [bins][q][p]
    weights_first = spectra.permute(2, 0, 1).contiguous()  # [bins][p][q]
    # a complex product as a real one of twice the size in both directions: [bins][2 q][2 p]
    re, im = samples_first.real, samples_first.imag
    reals = torch.cat([torch.cat([re, im], 2), torch.cat([-im, re], 2)], 1)

    def by_reals(x):
        x = x.permute(2, 0, 1)
        y = torch.bmm(torch.cat([x.real, x.imag], 2), reals)
        return torch.complex(y[..., :p], y[..., p:]).permute(1, 2, 0)

    ways = [
        ("bmm", lambda x: torch.bmm(x.permute(2, 0, 1), samples_first).permute(1, 2, 0)),
        ("bmm, weights first", lambda x: torch.bmm(weights_first, x.permute(2, 1, 0)).permute(2, 1, 0)),
        ("bmm of reals", by_reals),
    ]
    if 8 * batch * p * q * bins <= PRODUCT_BYTES:
        ways.append(("multiply and sum", lambda x: (x.unsqueeze(1) * spectra).sum(2)))
    steps, x = [(name, forward(product)) for name, product in ways], torch.randn(batch, n)
    return steps[fastest([lambda step=step: step(x) for _, step in steps])]


def fc_c3a(layer, weights, bias, _):
    """The class that PEFT's C3A layer calls, whose weights are first rows: their spectra are taken in every call."""
    from peft.tuners.c3a.utils import BlockCircularConvolution
    p, q, k, _, _ = blocks(layer)
    kernel = weights.view(p, q, k).flip(2).roll(1, 2)  # w[(k - i) mod k]

    def step(x):
        y = BlockCircularConvolution.apply(x.flatten(1), kernel)
        return y if bias is None else y + bias
    return "", step


def conv_dense(layer, weights, bias, _):
    taps = weights.view(-1, layer["n"], *layer["taps"]).contiguous(memory_format=layer["format"])
    return "", lambda x: F.conv2d(x, taps, bias, layer["stride"], layer["pad"], 1, layer["groups"])


def conv_circulant(layer, weights, bias, _):
    """rfft over the blocks of channels, a complex conv2d with a group for each bin, irfft."""
    p, q, k, m, n = blocks(layer)
    groups = layer["groups"]
    spectra = torch.fft.rfft(weights.view(groups, *layer["taps"], p, q, k))
    bins = spectra.shape[-1]
    taps = spectra.permute(5, 0, 3, 4, 1, 2).reshape(bins * groups * p, q, *layer["taps"])

    def step(x):
        batch, _, height, width = x.shape
        x = x.reshape(batch, groups, n, height, width)
        x = F.pad(x, (0, 0, 0, 0, 0, q * k - n)) if n < q * k else x
        x = torch.fft.rfft(x.view(batch, groups, q, k, height, width), dim=3)
        x = x.permute(0, 3, 1, 2, 4, 5).reshape(batch, bins * groups * q, height, width)
        y = F.conv2d(x, taps, None, layer["stride"], layer["pad"], 1, bins * groups)
        height, width = y.shape[2:]
        y = y.view(batch, bins, groups, p, height, width).permute(0, 2, 3, 1, 4, 5)
        y = torch.fft.irfft(y, n=k, dim=3).reshape(batch, groups, p * k, height, width)[:, :, :m]
        y = y.reshape(batch, groups * m, height, width)
        return y if bias is None else y + bias.view(-1, 1, 1)
    return "", step


def plain(function):
    """A layer without weights: function(layer, x)."""
    return lambda layer, weights, bias, batch: ("", lambda x: function(layer, x))


# (op, structure or None, variant or None) -> how a step is made: (layer, weights, bias, batch) -> (tuning, function).
STEPS = {
    ("fc", "dense", None): fc_linear,
    ("fc", "circulant", "rfft-bmm"): fc_rfft_bmm,
    ("fc", "circulant", "c3a"): fc_c3a,
    ("conv", "dense", None): conv_dense,
    ("conv", "circulant", "rfft-bmm"): conv_circulant,
    ("pool_max", None, None): plain(lambda l, x: F.max_pool2d(x, l["taps"], l["stride"], l["pad"])),
    ("pool_avg", None, None): plain(lambda l, x: F.avg_pool2d(x, l["taps"], l["stride"], l["pad"],
                                                              count_include_pad=False)),
    ("relu", None, None): plain(lambda l, x: F.relu(x)),
    ("lrn", None, None): plain(lambda l, x: F.local_response_norm(x, *l["lrn"])),
    ("flatten", None, None): plain(lambda l, x: x.flatten(1)),
    ("softmax", None, None): plain(lambda l, x: F.softmax(x.flatten(1), 1)),
}


class Program:
    """A network for a batch, in the faster of PyTorch's two memory formats where it convolves."""

    def __init__(self, request, arrays):
        """arrays: for each layer its weights and its bias, or None."""
        self.threads, self.shape = request["threads"], [request["batch"], *request["input"]]
        self.use_threads()
        layers = [{**layer, "structure": layer["structure"] if layer["values"] else None}
                  for layer in request["layers"]]
        formats = [torch.contiguous_format]
        if any(layer["op"] == "conv" and layer["structure"] == "dense" for layer in layers):
            formats.append(torch.channels_last)
        ways = [self.build(layers, arrays, request["variant"], format) for format in formats]
        best, x = 0, torch.randn(self.shape)
        if len(ways) > 1:
            best = fastest([lambda steps=steps, x=x.contiguous(memory_format=format): self.forward(steps, x)
                            for (steps, _), format in zip(ways, formats)])
        (self.steps, tunings), self.format = ways[best], formats[best]
        tunings += ["channels last"] if best else []
        self.tuning = ", ".join(dict.fromkeys(tuning for tuning in tunings if tuning))

    def build(self, layers, arrays, variant, format):
        """The steps of the network, and what each chose."""
        steps, tunings = [], []
        for layer, (weights, bias) in zip(layers, arrays):
            make = STEPS[layer["op"], layer["structure"], variant if layer["structure"] == "circulant" else None]
            tuning, step = make({**layer, "format": format}, weights, bias, self.shape[0])
            tunings.append(tuning)
            steps.append(step)
        return steps, tunings

    @staticmethod
    def forward(steps, x):
        for step in steps:
            x = step(x)
        return x

    def use_threads(self):
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)

    def upload(self, values):
        self.input = values.view(self.shape).contiguous(memory_format=self.format)

    def run(self, times):
        self.use_threads()
        for _ in range(times):
            self.output = self.forward(self.steps, self.input)


class Worker:
    """Answers requests: each method is one, takes it as a dict, and returns the detail of the answer."""

    def __init__(self, stream):
        self.stream, self.programs = stream, {}

    def floats(self, count):
        """Reads so many floats into memory that is aligned as PyTorch's own; None for none."""
        if not count:
            return None
        return torch.frombuffer(bytearray(self.stream.read(4 * count)), dtype=torch.float32).clone()

    def program(self, request):
        if request["id"] not in self.programs:
            raise RuntimeError("it was lost when the process that held it ended")
        return self.programs[request["id"]]

    def hello(self, _):
        return f"PyTorch {torch.__version__}"

    def offers_c3a(self, _):
        import peft
        return f"PEFT {peft.__version__}"

    def prepare(self, request):
        arrays = [(self.floats(layer["values"]), self.floats(layer["bias"])) for layer in request["layers"]]
        self.programs[request["id"]] = program = Program(request, arrays)
        return program.tuning

    def upload(self, request):
        values = self.floats(request["count"])
        self.program(request).upload(values)
        return ""

    def run(self, request):
        program, start = self.program(request), time.perf_counter_ns()
        program.run(request["times"])
        return str(time.perf_counter_ns() - start)

    def download(self, request):
        """The floats follow the answer."""
        self.follows = self.program(request).output.contiguous().numpy().tobytes()
        return str(len(self.follows))

    def release(self, request):
        self.programs.pop(request["id"], None)
        return ""

    def serve(self):
        for line in self.stream:
            request, self.follows = json.loads(line), b""
            try:
                status, detail = "ok", getattr(self, request["do"])(request)
            except ImportError as error:
                status, detail = "absent", str(error)
            except Exception as error:  # whatever PyTorch raises is the point's result, and the next one goes on
                memory = isinstance(error, MemoryError) or "allocate memory" in str(error)
                status, detail = "memory" if memory else "device", f"{type(error).__name__}: {error}"
            self.stream.write(f"{status} {' '.join(detail.split())[:400]}\n".encode("ascii", "replace") + self.follows)
            self.stream.flush()


def main():
    with socket.socket(fileno=0) as end, end.makefile("rwb") as stream, torch.inference_mode():
        Worker(stream).serve()


main()
