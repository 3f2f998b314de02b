// Every instruction form the oracle tries, once per mode it exists in.

import { type Form, form, type Mode } from "./form.js";
import { ARITHMETIC } from "./forms-arithmetic.js";
import { CONTROL_FORMS } from "./forms-control.js";
import { DATA_FORMS } from "./forms-data.js";
import { SSE_FORMS } from "./forms-sse.js";
import { undefinedAround } from "./forms-undefined.js";
import { VECTOR_FORMS } from "./forms-vector.js";
import { X87_FORMS } from "./forms-x87.js";

/** Programs of several instructions: many entries, so that they get many cases. */
const SEQUENCES = Array.from({ length: 60 }, (_, n) =>
  form(`sequence_${n}`, [0x90], { sequence: true, bare: true, aligned: true }),
);

const FLOAT_SEQUENCES = Array.from({ length: 60 }, (_, n) =>
  form(`float_sequence_${n}`, [0x90], {
    sequence: true,
    bare: true,
    aligned: true,
    float: { st: "f80", xmm: (["f32", "f64", "i32"] as const)[n % 3]! },
  }),
);

export const FORMS: readonly Form[] = [
  ...ARITHMETIC,
  ...DATA_FORMS,
  ...CONTROL_FORMS,
  ...SEQUENCES,
  ...X87_FORMS,
  ...VECTOR_FORMS,
  ...SSE_FORMS,
  ...undefinedAround([...VECTOR_FORMS, ...SSE_FORMS]),
  ...FLOAT_SEQUENCES,
];

export interface Instance {
  readonly key: string;
  readonly mode: Mode;
  readonly form: Form;
}

/** One entry for each form and mode. */
export const INSTANCES: readonly Instance[] = FORMS.flatMap((form) =>
  form.modes.map((mode) => ({ key: `${form.name}@${mode}`, mode, form })),
);

const keys = new Set<string>();
for (const { key } of INSTANCES) {
  if (keys.has(key)) throw new Error(`two forms have the name ${key}`);
  keys.add(key);
}
