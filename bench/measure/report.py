"""The table and the JSON that `make bench` leaves behind."""
import dataclasses
import json
import math

PREFIXES = ((1, ''), (1e-3, 'm'), (1e-6, 'u'), (1e-9, 'n'))


@dataclasses.dataclass
class Row:
    """One figure: what each engine reached."""
    name: str
    unit: str  # s, /s, MiB or %
    values: dict  # engine's name: value
    more_is_better: bool = False
    aim: str = ''
    met: bool | None = None  # whether the fastest of Espalier's engines reaches it; None: nothing was aimed at
    mips: dict = dataclasses.field(default_factory=dict)  # engine's name: millions of instructions a second
    details: dict = dataclasses.field(default_factory=dict)  # for the JSON only

    def aim_at(self, engine, limit, text):
        """Sets the aim: `limit` in the row's unit."""
        if limit is not None and engine in self.values:
            value = self.values[engine]
            self.aim, self.met = text, value >= limit if self.more_is_better else value <= limit

    def times(self, engine, other):
        """How many times as good `engine` is as `other`, or None."""
        mine, others = self.values.get(engine), self.values.get(other)
        if not mine or not others:
            return None
        return mine / others if self.more_is_better else others / mine


def shown(value, unit):
    if value is None:
        return '-'
    if unit != 's':
        return f'{value:,.0f} {unit}' if abs(value) >= 100 else f'{value:.2f} {unit}'
    for size, prefix in PREFIXES:
        if abs(value) >= size:
            break
    number = value / size
    return f'{number:.0f} {prefix}s' if abs(number) >= 100 else f'{number:.3g} {prefix}s'


def aim_shown(row):
    return '' if row.met is None else f'  {"met" if row.met else "MISSED"}: {row.aim}'


def ratio_shown(ratio):
    if ratio is None:
        return ''
    return f'{ratio:.1f}' if ratio >= 10 else f'{ratio:.2f}' if ratio >= 0.1 else f'{ratio:.3f}'


class Report:
    """Collects rows and prints each as soon as it is known, under one head."""

    def __init__(self, host, engines, has_native, has_qemu):
        self.host, self.rows, self.failures = host, [], []
        self.engines = engines
        self.ours = engines[-1]
        self.columns = (['native'] if has_native else []) + engines + (['qemu'] if has_qemu else [])
        heads = [f'{name:>11}' for name in self.columns] + [f'{"/native":>9}'] + ([f'{"/qemu":>9}'] if has_qemu else [])
        heads += [f'{name + " MIPS":>13}' for name in engines]
        self.has_qemu = has_qemu
        print(f'/native{", /qemu" if has_qemu else ""}: how many times as good {self.ours} is')
        print(f'{"":42}' + ''.join(heads) + '  aim, of ' + self.ours, flush=True)

    def section(self, title):
        print(f'-- {title}', flush=True)

    def add(self, row):
        self.rows.append(row)
        cells = [f'{shown(row.values[name], row.unit) if name in row.values else "":>11}' for name in self.columns]
        cells.append(f'{ratio_shown(row.times(self.ours, "native")):>9}')
        if self.has_qemu:
            cells.append(f'{ratio_shown(row.times(self.ours, "qemu")):>9}')
        cells += [f'{row.mips[name]:>13,.0f}' if name in row.mips else f'{"":>13}' for name in self.engines]
        print(f'{row.name:42}' + ''.join(cells) + aim_shown(row), flush=True)

    def fail(self, what, error):
        self.failures.append(f'{what}: {error}')

    def mean_row(self, name, kernels, aim):
        """The geometric mean over those kernels of each engine's share of native speed, as a row of its own."""
        rows = [row for row in self.rows if row.name in kernels]
        values = {}
        for engine in self.columns:
            ratios = [row.times(engine, 'native') for row in rows]
            if engine != 'native' and ratios and None not in ratios:
                values[engine] = math.exp(sum(map(math.log, ratios)) / len(ratios))
        if values:
            row = Row(name, 'of native', values, True)
            row.aim_at(self.ours, aim, f'at least {aim}')
            self.rows.append(row)
            print(f'{name:42}' + ''.join(f'{ratio_shown(values.get(column)):>11}' for column in self.columns)
                  + aim_shown(row), flush=True)

    def write(self, path):
        rows = [dataclasses.asdict(row) for row in self.rows]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({'host': self.host, 'rows': rows, 'failures': self.failures}, indent=1) + '\n')
