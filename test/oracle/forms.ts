// Every integer instruction form the oracle tries, once per mode it exists in.

import { ARITHMETIC } from "./forms-arithmetic.js";
import { CONTROL_FORMS } from "./forms-control.js";
import { DATA_FORMS } from "./forms-data.js";
import type { Form, Mode } from "./form.js";

export const FORMS: readonly Form[] = [...ARITHMETIC, ...DATA_FORMS, ...CONTROL_FORMS];

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
