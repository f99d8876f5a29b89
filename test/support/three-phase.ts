// A three-phase meter's values computed from nothing but the phases' voltage, current and angle: an independent source of
// values that agree with each other, for tests of those who judge or simulate meters.

/** Values in V, A, W, VAR, VA, Hz for a moment; `round` moves the load a little. */
export function threePhaseValues(round: number): Record<string, number> {
  const volts = [231.42, 229.87, 233.05].map((v, i) => v + 0.31 * round * (i + 1));
  const amps = [41.73, 28.36, 35.19].map((i, k) => i * (1 + 0.013 * round * (k + 1)));
  const phi = [0.31, 0.44, 0.22];
  const power = [0, 1, 2].map((p) => (volts[p] as number) * (amps[p] as number));
  const w = power.map((s, p) => s * Math.cos(phi[p] as number));
  const q = power.map((s, p) => s * Math.sin(phi[p] as number));
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const line = (a: number, b: number): number =>
    Math.sqrt((volts[a] as number) ** 2 + (volts[b] as number) ** 2 + (volts[a] as number) * (volts[b] as number));
  const total = Math.hypot(sum(w), sum(q));
  const phases = ['A', 'B', 'C'];
  const each = (name: (phase: string) => string, values: readonly number[]) =>
    Object.fromEntries(phases.map((phase, i) => [name(phase), values[i] as number]));
  return {
    ...each((p) => `Voltage_${p}N`, volts),
    Voltage_AB: line(0, 1),
    Voltage_BC: line(1, 2),
    Voltage_CA: line(2, 0),
    ...each((p) => `Current_${p}`, amps),
    ...each((p) => `W_${p}`, w),
    W: sum(w),
    ...each((p) => `VAR_${p}`, q),
    VAR: sum(q),
    ...each((p) => `VA_${p}`, power),
    VA: total,
    ...each((p) => `pf_${p}`, phi.map(Math.cos)),
    pf: sum(w) / total,
    freq: 50.02 + 0.01 * round,
  };
}
