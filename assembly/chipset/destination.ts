// Which processors a message is for (SDM vol. 3, 11.6.2 and 11.12.10; APM vol. 2, 16.5 and 16.13). A message that
// comes from a redirection entry, a device or an APIC in xAPIC mode carries 8 bits, one in x2APIC mode 32.
//
//   physical   the identifier, all ones for everybody
//   logical    flat: a mask of 8 processors | cluster: 7:4 cluster, 3:0 mask | x2APIC: 31:16 cluster, 15:0 mask

import { DFR, ID, isX2Apic, lapic, LDR, logicalX2 } from "./lapic-block";

const EVERYBODY_8: u32 = 0xff;
const EVERYBODY_32: u32 = 0xffff_ffff;
/** DFR 31:28 of the flat model. */
const FLAT: u32 = 0xf;
/** Cluster number that names all clusters. */
const EVERY_CLUSTER: u32 = 0xf;

/** Identifier of processor n. */
function apicId(n: u32): u32 { return isX2Apic(n) ? n : load<u32>(lapic(n), ID) >> 24; }

function matchesLogical(n: u32, destination: u32): bool {
  if (isX2Apic(n)) {
    const own = logicalX2(n);
    return destination >> 16 == own >> 16 && (destination & own & 0xffff) != 0;
  }
  const own = load<u32>(lapic(n), LDR) >> 24;
  if (load<u32>(lapic(n), DFR) >> 28 == FLAT) return (destination & own & 0xff) != 0;
  const cluster = (destination >> 4) & 0xf;
  return (cluster == EVERY_CLUSTER || cluster == own >> 4) && (destination & own & 0xf) != 0;
}

/** The message is for processor n; `wide`: it carries 32 bits. */
export function isFor(n: u32, destination: u32, logical: bool, wide: bool): bool {
  if (destination == (wide ? EVERYBODY_32 : EVERYBODY_8)) return true;
  return logical ? matchesLogical(n, destination) : apicId(n) == destination;
}
