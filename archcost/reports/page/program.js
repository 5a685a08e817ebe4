// Runs the programs that Python took down from its own formulas: a list of steps over registers.

const OPERATIONS = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => a ** b,
  max: (a, b) => (a !== a || b !== b ? NaN : a > b ? a : b),
  min: (a, b) => (a !== a || b !== b ? NaN : a < b ? a : b),
  mod: (a, b) => a - Math.floor(a / b) * b,
  neg: (a) => -a,
  ceil: Math.ceil,
  floor: Math.floor,
  log: Math.log,
  exp: Math.exp,
  gt: (a, b) => +(a > b),
  ge: (a, b) => +(a >= b),
  lt: (a, b) => +(a < b),
  le: (a, b) => +(a <= b),
  eq: (a, b) => +(a === b),
  ne: (a, b) => +(a !== b),
  and: (a, b) => +(a && b ? 1 : 0),
  or: (a, b) => +(a || b ? 1 : 0),
  not: (a) => +!a,
  where: (a, b, c) => (a ? b : c),
};

export class Program {
  constructor({ inputs, constants, steps, outputs }) {
    this.inputs = inputs;
    this.outputs = outputs;
    const first = inputs.length + constants.length;
    this.registers = new Float64Array(first + steps.length);
    constants.forEach((constant, i) => (this.registers[inputs.length + i] = Number(constant)));
    this.steps = steps.map(([name, a, b = 0, c = 0], i) => ({ run: OPERATIONS[name], a, b, c, to: first + i }));
  }

  // The output at a place, once `run`.
  output(place) {
    return this.registers[this.outputs[place]];
  }

  // inputs: numbers in the program's order.
  run(inputs) {
    const at = this.registers;
    for (let i = 0; i < this.inputs.length; i++) at[i] = inputs[i];
    for (const step of this.steps) at[step.to] = step.run(at[step.a], at[step.b], at[step.c]);
    return this;
  }
}
