// Groups of metrics that one panel draws, in the vocabulary of the register maps (register-maps/source), and the units that
// Grafana shows them in. A map may measure in kW where another does in W: queries bring all to the unit here.

export interface MetricGroup {
  /** Name of the hidden variable with the topics' ids. */
  readonly variable: string;
  readonly title: string;
  readonly metrics: readonly string[];
  /** Grafana's name of the unit; empty: none. */
  readonly unit: string;
}

const phases = (prefix: string, ...suffixes: string[]) => suffixes.map((suffix) => `${prefix}${suffix}`);
const perPhase = (name: string) => [name, ...phases(`${name}_`, 'A', 'B', 'C')];

/** Hidden variable with the ids of the chosen meters. */
export const METER_IDS = 'meter_ids';

export const power: MetricGroup = { variable: 'power_ids', title: 'Power', metrics: ['W'], unit: 'watt' };

/** The first of these that a meter has is what it has taken in. */
export const energyMetrics = ['Wh_imp', 'Wh_total', 'Wh_del', 'Wh'] as const;
export const ENERGY_VARIABLE = 'energy_ids';

export const meterGroups = {
  phaseVoltage: {
    variable: 'phase_voltage_ids',
    title: 'Voltage, phase to neutral',
    metrics: ['Voltage', 'Voltage_LN_avg', ...phases('Voltage_', 'AN', 'BN', 'CN', 'NG', 'AuxN')],
    unit: 'volt',
  },
  lineVoltage: {
    variable: 'line_voltage_ids',
    title: 'Voltage, phase to phase',
    metrics: ['Voltage_LL_avg', ...phases('Voltage_', 'AB', 'BC', 'CA')],
    unit: 'volt',
  },
  current: {
    variable: 'current_ids',
    title: 'Current',
    metrics: ['Current', ...phases('Current_', 'A', 'B', 'C', 'N', 'N2', 'G', 'avg', 'sum')],
    unit: 'amp',
  },
  active: { variable: 'active_ids', title: 'Active power', metrics: perPhase('W'), unit: 'watt' },
  reactive: { variable: 'reactive_ids', title: 'Reactive power', metrics: perPhase('VAR'), unit: 'voltampreact' },
  apparent: { variable: 'apparent_ids', title: 'Apparent power', metrics: perPhase('VA'), unit: 'voltamp' },
  factor: {
    variable: 'factor_ids',
    title: 'Power factor',
    metrics: [...perPhase('pf'), ...perPhase('pf_disp')],
    unit: '',
  },
  frequency: { variable: 'frequency_ids', title: 'Frequency', metrics: ['freq'], unit: 'hertz' },
  voltageAngle: {
    variable: 'voltage_angle_ids',
    title: 'Phasor angles, voltage',
    metrics: phases('Angle_V_', 'AN', 'BN', 'CN', 'AB', 'BC', 'CA'),
    unit: 'degree',
  },
  currentAngle: {
    variable: 'current_angle_ids',
    title: 'Phasor angles, current',
    metrics: ['Angle', ...phases('Angle_I_', 'A', 'B', 'C')],
    unit: 'degree',
  },
} as const satisfies Record<string, MetricGroup>;

const prefixes = [
  ['k', '1e3'],
  ['M', '1e6'],
  ['G', '1e9'],
  ['m', '1e-3'],
] as const;
const bases = ['W', 'VA', 'VAR', 'var', 'Wh', 'VAh', 'VARh', 'varh', 'V', 'A'];

/** Factor that takes a value from the topic's own unit (kW, mA …) to the unit without prefix. */
export function toBaseUnit(unit: string): string {
  const cases = prefixes.map(([prefix, factor]) => {
    const units = bases.map((base) => `'${prefix}${base}'`).join(', ');
    return `WHEN ${unit} IN (${units}) THEN ${factor}`;
  });
  return `CASE ${cases.join(' ')} ELSE 1e0 END`;
}
