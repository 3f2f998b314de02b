// as-pect 8.1.0's own transform has the syntax-node numbers of AssemblyScript 0.27 baked in and silently
// adds nothing on newer compilers. This runs its two member generators with the numbers of the compiler
// in use.
import { createAddReflectedValueKeyValuePairsMember } from "@as-pect/transform/lib/createAddReflectedValueKeyValuePairsMember.js";
import { createStrictEqualsMember } from "@as-pect/transform/lib/createStrictEqualsMember.js";
import { NodeKind } from "assemblyscript";
import { Transform } from "assemblyscript/transform";

const OLD = new Map([
  [NodeKind.FieldDeclaration, 54],
  [NodeKind.MethodDeclaration, 58],
]);

function visit(statements) {
  for (const statement of statements) {
    if (statement.kind === NodeKind.ClassDeclaration) {
      const kinds = statement.members.map((member) => member.kind);
      for (const member of statement.members) member.kind = OLD.get(member.kind) ?? -1;
      const added = [createStrictEqualsMember(statement), createAddReflectedValueKeyValuePairsMember(statement)];
      statement.members.forEach((member, i) => {
        member.kind = kinds[i];
      });
      statement.members.push(...added);
    } else if (statement.kind === NodeKind.NamespaceDeclaration) visit(statement.members);
  }
}

export default class extends Transform {
  afterParse(parser) {
    for (const source of parser.sources) visit(source.statements);
  }
}
