// Every integer instruction form the oracle tries, once per mode it exists in.

import { type Form, form, type Mode } from "./form.js";
import { ARITHMETIC } from "./forms-arithmetic.js";
import { CONTROL_FORMS } from "./forms-control.js";
import { DATA_FORMS } from "./forms-data.js";

/** Programs of several instructions: many entries, so that they get many cases. */
const SEQUENCES = Array.from({ length: 60 }, (_, n) =>
  form(`sequence_${n}`, [0x90], { sequence: true, bare: true, aligned: true }),
);

export const FORMS: readonly Form[] = [...ARITHMETIC, ...DATA_FORMS, ...CONTROL_FORMS, ...SEQUENCES];

export interface Instance {
  readonly key: string;
  readonly mode: Mode;
  readonly form: Form;
}

/** One entry for each form and mode. */
export const INSTANCES: readonly Instance[] = FORMS.flatMap((form) =>
  form.modes.map((mode) => ({ key: `${form.name}@${mode}`, mode, form })),
);

const keys = new Set(INSTANCES.map(({ key }) => key));
if (keys.size !== INSTANCES.length) throw new Error("two forms have the same name");
