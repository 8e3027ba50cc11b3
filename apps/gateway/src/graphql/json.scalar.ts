import { KeyfleetError } from '@keyfleet/kernel';
import { type CustomScalar, Scalar } from '@nestjs/graphql';
import { Kind, type ValueNode } from 'graphql';

/** A JSON object, as labels and event data are. */
@Scalar('JSONObject')
export class JsonObject implements CustomScalar<object, object> {
  readonly description = 'A JSON object.';

  parseValue(value: unknown): object {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    throw new KeyfleetError('request.invalid', { detail: 'Expected a JSON object.' });
  }

  serialize(value: unknown): object {
    return value as object;
  }

  parseLiteral(node: ValueNode): object {
    return this.parseValue(literal(node));
  }
}

function literal(node: ValueNode): unknown {
  switch (node.kind) {
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map((field) => [field.name.value, literal(field.value)]));
    case Kind.LIST:
      return node.values.map(literal);
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.STRING:
    case Kind.BOOLEAN:
    case Kind.ENUM:
      return node.value;
    default:
      return null;
  }
}
