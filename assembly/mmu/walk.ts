// Page walks (SDM vol. 3, 4.1-4.6): linear address to guest-physical address under the paging mode in
// force, with the permission checks of the access. A walk either succeeds completely, and then sets the
// accessed and dirty bits and traces the tables it passed, or it fails and changes nothing.

import { A20_MASK, CR0, CR4, EFER, SYSTEM_FLAGS } from "../layout";
import { CR0_PG, CR0_WP, CR4_PAE, CR4_SMAP, CR4_SMEP, EFER_LMA, EFER_NXE } from "../x86/control";
import { AC } from "../x86/flags";
import { PF_FETCH, PF_PRESENT, PF_RESERVED, PF_USER, PF_WRITE } from "../x86/vectors";
import { beginWalk, isAccessed, settle } from "./entry";
import { walk32 } from "./walk-32";
import { walk4 } from "./walk-4level";
import { walkPae } from "./walk-pae";

// What the access is.
export const WRITE: u32 = 1;
export const USER: u32 = 2;
export const FETCH: u32 = 4;
/** Supervisor access to a system structure: EFLAGS.AC gives no right to user pages. */
export const IMPLICIT: u32 = 8;
/** Translate only: accessed and dirty bits stay, nothing is traced or cached. */
export const NO_SIDE_EFFECTS: u32 = 16;
/** Succeed only if every accessed bit on the way is set already: the guest cannot tell that there was a walk. */
export const UNNOTICED: u32 = 32;

// What the leaf allows (WALK_FLAGS). The walkers return these, or Bad values.
export const WRITABLE: u32 = 1;
export const USER_PAGE: u32 = 2;
export const NO_EXECUTE: u32 = 4;
export const DIRTY_LEAF: u32 = 8;

/** A walker's answer when the walk stops: no page, or a reserved bit. */
export const NOT_PRESENT: u32 = 0x100;
export const RESERVED: u32 = 0x200;

/** Guest-physical address of the last successful walk, A20 applied (u64). */
export const WALK_GPA: usize = memory.data(8, 8);
/** Page-fault error code of the last failed walk (u32). */
export const WALK_ERROR: usize = memory.data(4, 4);
/** Rights of the last successful walk (u32). */
export const WALK_FLAGS: usize = memory.data(4, 4);

/** Translates; the caller has checked that the address is canonical. */
export function walk(linear: u64, access: u32): bool {
  const control0 = load<u64>(CR0);
  if ((control0 & CR0_PG) == 0) {
    store<u64>(WALK_GPA, <u64><u32>linear & load<u64>(A20_MASK));
    store<u32>(WALK_FLAGS, WRITABLE | USER_PAGE | DIRTY_LEAF);
    return true;
  }
  const control4 = load<u64>(CR4);
  beginWalk();
  let flags: u32;
  if ((load<u64>(EFER) & EFER_LMA) != 0) flags = walk4(linear);
  else flags = (control4 & CR4_PAE) != 0 ? walkPae(<u32>linear) : walk32(<u32>linear);
  if (flags >= NOT_PRESENT) return fail(access, flags == RESERVED ? PF_PRESENT | PF_RESERVED : 0);

  if ((access & USER) != 0) {
    if ((flags & USER_PAGE) == 0 || (access & WRITE & ~flags) != 0) return fail(access, PF_PRESENT);
  } else {
    if ((access & WRITE & ~flags) != 0 && (control0 & CR0_WP) != 0) return fail(access, PF_PRESENT);
    if ((flags & USER_PAGE) != 0) {
      if ((access & FETCH) != 0) {
        if ((control4 & CR4_SMEP) != 0) return fail(access, PF_PRESENT);
      } else if ((control4 & CR4_SMAP) != 0 && ((access & IMPLICIT) != 0 || (load<u32>(SYSTEM_FLAGS) & AC) == 0)) {
        return fail(access, PF_PRESENT);
      }
    }
  }
  if ((access & FETCH) != 0 && (flags & NO_EXECUTE) != 0) return fail(access, PF_PRESENT);

  if ((access & UNNOTICED) != 0 && !isAccessed()) return false;
  if ((access & NO_SIDE_EFFECTS) == 0) settle((access & WRITE) != 0);
  store<u32>(WALK_FLAGS, (access & WRITE) != 0 ? flags | DIRTY_LEAF : flags);
  store<u64>(WALK_GPA, load<u64>(WALK_GPA) & load<u64>(A20_MASK));
  return true;
}

/** Records the error code: cause, and what the access was. */
function fail(access: u32, cause: u32): bool {
  let error = cause;
  if ((access & WRITE) != 0) error |= PF_WRITE;
  if ((access & USER) != 0) error |= PF_USER;
  if ((access & FETCH) != 0) {
    const control4 = load<u64>(CR4);
    const nx = (control4 & CR4_PAE) != 0 && (load<u64>(EFER) & EFER_NXE) != 0;
    if (nx || (control4 & CR4_SMEP) != 0) error |= PF_FETCH;
  }
  store<u32>(WALK_ERROR, error);
  return false;
}
