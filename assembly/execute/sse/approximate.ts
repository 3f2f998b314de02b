export function rcpps(u: usize): i32 { return 0; }
export function rcpss(u: usize): i32 { return 0; }
export function rsqrtps(u: usize): i32 { return 0; }
export function rsqrtss(u: usize): i32 { return 0; }
