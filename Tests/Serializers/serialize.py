"""A Schema Registry for the tests, and messages as the serializers of confluent-kafka write them.

The registry answers the part of the published REST API that serializers and readers use, from memory. It ends with its standard
input. Commands on standard input, one a line; each is answered by one line:

    messages FILE DIRECTORY   writes each flat JSON message of FILE in every format into DIRECTORY
    compare AVRO JSON         reads the messages of AVRO, and says how many are what the lines of JSON say
    requests                  says how many requests there were

Usage: serialize.py [--port PORT] [--user NAME:PASSWORD] [--token TOKEN] [--tls CERTIFICATE KEY]
"""

import base64
import datetime
import decimal
import http.server
import json
import re
import ssl
import struct
import sys
import threading
import urllib.parse

SCHEMAS = []  # (type, text, references), the number is the place + 1
SUBJECTS = {}  # subject -> numbers in order of the versions
LOCK = threading.Lock()
REQUESTS = [0]
CREDENTIALS = set()


def register(subject, kind, text, references):
    with LOCK:
        entry = (kind, text, references)
        number = SCHEMAS.index(entry) + 1 if entry in SCHEMAS else len(SCHEMAS) + 1
        if number > len(SCHEMAS):
            SCHEMAS.append(entry)
        versions = SUBJECTS.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number


def described(number, serialized):
    """A schema as the registry gives it: Protobuf as text unless it is asked for serialised."""
    kind, text, references = SCHEMAS[number - 1]
    if kind == "PROTOBUF" and not serialized:
        text = PROTO_TEXT.get(text, text)
    answer = {"schema": text}
    if kind != "AVRO":
        answer["schemaType"] = kind
    if references:
        answer["references"] = references
    return answer


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def is_known(self):
        REQUESTS[0] += 1
        if not CREDENTIALS or self.headers.get("Authorization") in CREDENTIALS:
            return True
        self.answer(401, {"error_code": 401, "message": "Unauthorized"})
        return False

    def do_GET(self):
        if not self.is_known():
            return
        url = urllib.parse.urlparse(self.path)
        format = urllib.parse.parse_qs(url.query).get("format", [""])[0]
        if match := re.fullmatch(r"/schemas/ids/(\d+)", url.path):
            number = int(match[1])
            if not 1 <= number <= len(SCHEMAS):
                return self.answer(404, {"error_code": 40403, "message": f"Schema {number} not found"})
            if format and SCHEMAS[number - 1][0] != "PROTOBUF":
                return self.answer(500, {"error_code": 500, "message": f"Unsupported format {format}"})
            return self.answer(200, described(number, format == "serialized"))
        if match := re.fullmatch(r"/subjects/([^/]+)/versions/(\d+|latest)", url.path):
            subject = urllib.parse.unquote(match[1])
            versions = SUBJECTS.get(subject, [])
            version = len(versions) if match[2] == "latest" else int(match[2])
            if not 1 <= version <= len(versions):
                return self.answer(404, {"error_code": 40401, "message": f"Subject '{subject}' not found."})
            number = versions[version - 1]
            content = described(number, format == "serialized")
            return self.answer(200, content | {"subject": subject, "id": number, "version": version})
        self.answer(404, {"error_code": 404, "message": "HTTP 404 Not Found"})

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length))
        if not self.is_known():
            return
        url = urllib.parse.urlparse(self.path)
        kind, text = body.get("schemaType", "AVRO"), body["schema"]
        references = body.get("references", [])
        if match := re.fullmatch(r"/subjects/([^/]+)/versions", url.path):
            subject = urllib.parse.unquote(match[1])
            if kind == "AVRO" and (problem := incompatible(subject, text)):
                return self.answer(409, {"error_code": 409, "message": problem})
            return self.answer(200, {"id": register(subject, kind, text, references)})
        if match := re.fullmatch(r"/subjects/([^/]+)", url.path):
            subject = urllib.parse.unquote(match[1])
            for version, number in enumerate(SUBJECTS.get(subject, []), 1):
                if SCHEMAS[number - 1][:2] == (kind, text):
                    return self.answer(200, described(number, True) | {
                        "subject": subject, "id": number, "version": version})
            return self.answer(404, {"error_code": 40403, "message": "Schema not found"})
        self.answer(404, {"error_code": 404, "message": "HTTP 404 Not Found"})


def incompatible(subject, text):
    """Backward compatibility as far as the tests need it: every new field of the latest version's record has a default."""
    numbers = SUBJECTS.get(subject)
    if not numbers:
        return None
    old, new = json.loads(SCHEMAS[numbers[-1] - 1][1]), json.loads(text)
    before = {field["name"] for field in old.get("fields", [])}
    for field in new.get("fields", []):
        if field["name"] not in before and "default" not in field:
            return f"Schema being registered is incompatible with an earlier schema: {field['name']} has no default"
    return None


# Messages.

PRODUCT = {
    "type": "record", "name": "Product", "namespace": "shop", "fields": [
        {"name": "stock_code", "type": "string"}, {"name": "description", "type": ["null", "string"]}]}
EVENT = {
    "type": "record", "name": "Event", "namespace": "shop", "fields": [
        {"name": "customer", "type": ["null", {"type": "record", "name": "Customer", "fields": [
            {"name": "id", "type": "string"}, {"name": "country", "type": ["null", "string"]}]}]},
        {"name": "tags", "type": {"type": "map", "values": "long"}},
        {"name": "invoice_no", "type": "string"},
        {"name": "product", "type": "shop.Product"},
        {"name": "quantity", "type": "int"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "unit_price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 4}},
        {"name": "channel", "type": {"type": "enum", "name": "Channel", "symbols": ["SHOP", "WEB"]}},
        {"name": "vouchers", "type": {"type": "array", "items": "double"}}]}
JSON_EVENT = {
    "$schema": "http://json-schema.org/draft-07/schema#", "title": "Event", "type": "object",
    "required": ["invoice_no", "stock_code", "quantity", "invoice_date", "unit_price"]}
PROTO = """syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
// Not the message of the topic, which is the second one.
message Voucher { string code = 1; }
message Event {
  message Customer { string id = 1; optional string country = 2; }
  enum Channel { SHOP = 0; WEB = 1; }
  string invoice_no = 1;
  Customer customer = 2;
  oneof what { string stock_code = 3; string service = 4; }
  string description = 5;
  sint32 quantity = 6;
  google.protobuf.Timestamp at = 7;
  double unit_price = 8;
  Channel channel = 9;
  map<string, int64> tags = 10;
  repeated int32 numbers = 11;
  repeated Voucher vouchers = 12;
}
"""
PROTO_TEXT = {}  # serialised -> text


def proto_class():
    """The class of shop.Event, made without a compiler, and its file as the registry keeps it."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")

    def add(message, name, number, kind, repeated=False, type_name=None, **more):
        message.field.add(
            name=name, number=number, type=kind, type_name=type_name,
            label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL, **more)

    voucher = file.message_type.add(name="Voucher")
    add(voucher, "code", 1, field.TYPE_STRING)
    event = file.message_type.add(name="Event")
    customer = event.nested_type.add(name="Customer")
    add(customer, "id", 1, field.TYPE_STRING)
    customer.oneof_decl.add(name="_country")
    add(customer, "country", 2, field.TYPE_STRING, oneof_index=0, proto3_optional=True)
    channel = event.enum_type.add(name="Channel")
    channel.value.add(name="SHOP", number=0)
    channel.value.add(name="WEB", number=1)
    event.oneof_decl.add(name="what")
    add(event, "invoice_no", 1, field.TYPE_STRING)
    add(event, "customer", 2, field.TYPE_MESSAGE, type_name=".shop.Event.Customer")
    add(event, "stock_code", 3, field.TYPE_STRING, oneof_index=0)
    add(event, "service", 4, field.TYPE_STRING, oneof_index=0)
    add(event, "description", 5, field.TYPE_STRING)
    add(event, "quantity", 6, field.TYPE_SINT32)
    add(event, "at", 7, field.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp")
    add(event, "unit_price", 8, field.TYPE_DOUBLE)
    add(event, "channel", 9, field.TYPE_ENUM, type_name=".shop.Event.Channel")
    entry = event.nested_type.add(name="TagsEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, field.TYPE_STRING)
    add(entry, "value", 2, field.TYPE_INT64)
    add(event, "tags", 10, field.TYPE_MESSAGE, repeated=True, type_name=".shop.Event.TagsEntry")
    add(event, "numbers", 11, field.TYPE_INT32, repeated=True)
    add(event, "vouchers", 12, field.TYPE_MESSAGE, repeated=True, type_name=".shop.Voucher")
    pool = descriptor_pool.Default()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindMessageTypeByName("shop.Event")
    PROTO_TEXT[base64.standard_b64encode(file.SerializeToString()).decode()] = PROTO
    return message_factory.GetMessageClass(descriptor), file


class Output:
    """Messages, each behind its length."""

    def __init__(self, directory, name):
        self.file = open(f"{directory}/{name}.messages", "wb", buffering=1 << 20)

    def write(self, message):
        self.file.write(struct.pack("<I", len(message)))
        self.file.write(message)


def instant(event):
    return datetime.datetime.fromisoformat(event["invoice_date"].replace("Z", "+00:00"))


def debezium(event, at):
    """The row as Debezium's connector for PostgreSQL sends it by Kafka Connect's JSON converter."""
    unscaled = int(decimal.Decimal(str(event["unit_price"])).scaleb(4))
    width = max(1, (unscaled.bit_length() + 8) // 8)
    row = {
        "customer_id": event.get("customer_id"), "invoice_no": event["invoice_no"], "stock_code": event["stock_code"],
        "description": event.get("description"), "quantity": event["quantity"],
        "at": int(at.timestamp() * 1000) * 1000,
        "unit_price": base64.b64encode(unscaled.to_bytes(width, "big", signed=True)).decode(),
        "country": event.get("country")}
    columns = [
        {"field": "at", "type": "int64", "name": "io.debezium.time.MicroTimestamp", "optional": False},
        {"field": "unit_price", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
         "parameters": {"scale": "4"}, "optional": False}]
    schema = {"type": "struct", "fields": [{"field": "after", "type": "struct", "fields": columns}]}
    return json.dumps({"schema": schema, "payload": {
        "before": None, "after": row, "op": "c", "ts_ms": int(at.timestamp() * 1000)}}).encode()


def write_messages(source, directory, url, options):
    from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer
    from confluent_kafka.schema_registry.json_schema import JSONSerializer
    from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext
    import fastavro
    import io

    client = SchemaRegistryClient({"url": url} | options)
    event_class, file = proto_class()
    client.register_schema("shop.Product", Schema(json.dumps(PRODUCT), "AVRO"))
    product = SchemaReference("shop.Product", "shop.Product", 1)
    avro = AvroSerializer(client, Schema(json.dumps(EVENT), "AVRO", references=[product]))
    json_schema = JSONSerializer(json.dumps(JSON_EVENT), client)
    protobuf = ProtobufSerializer(event_class, client, {"use.deprecated.format": False})
    context = {name: SerializationContext(f"events-{name}", MessageField.VALUE) for name in ("avro", "json", "protobuf")}
    names = ("debezium", "json", "avro", "protobuf", "plain-avro", "plain-protobuf", "orders")
    outputs = {name: Output(directory, name) for name in names}
    whole = json.loads(json.dumps(EVENT))
    whole["fields"][3]["type"] = PRODUCT
    with open(f"{directory}/event.avsc", "w") as text:
        json.dump(whole, text)
    with open(f"{directory}/event.proto", "w") as text:
        text.write(PROTO)
    from google.protobuf import descriptor_pb2, timestamp_pb2
    stamps = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(stamps)
    with open(f"{directory}/event.desc", "wb") as binary:
        binary.write(descriptor_pb2.FileDescriptorSet(file=[stamps, file]).SerializeToString())
    parsed = fastavro.parse_schema(whole)
    order, count = [], 0

    def end_order():
        if order:
            outputs["orders"].write(json.dumps({
                "number": order[0]["invoice_no"],
                "customer": {"id": order[0].get("customer_id"), "country": order[0].get("country")},
                "lines": [{key: line.get(key) for key in (
                    "stock_code", "description", "quantity", "invoice_date", "unit_price")} for line in order],
            }).encode())
            order.clear()

    with open(source) as lines:
        for line in lines:
            event = json.loads(line, parse_float=decimal.Decimal)
            plain = json.loads(line)
            at = instant(event)
            key = (event["invoice_no"], event.get("customer_id"), event.get("country"))
            if order and key != (order[0]["invoice_no"], order[0].get("customer_id"), order[0].get("country")):
                end_order()
            order.append(plain)
            outputs["debezium"].write(debezium(event, at))
            outputs["json"].write(json_schema(plain, context["json"]))
            customer = event.get("customer_id") or None
            record = {
                "customer": {"id": customer, "country": event.get("country")} if customer else None,
                "tags": {"batch": count}, "invoice_no": event["invoice_no"],
                "product": {"stock_code": event["stock_code"], "description": event.get("description")},
                "quantity": event["quantity"], "at": at, "unit_price": decimal.Decimal(str(plain["unit_price"])),
                "channel": "WEB", "vouchers": [1.5, count / 3]}
            outputs["avro"].write(avro(record, context["avro"]))
            binary = io.BytesIO()
            fastavro.schemaless_writer(binary, parsed, record)
            outputs["plain-avro"].write(binary.getvalue())
            message = event_class(
                invoice_no=event["invoice_no"], stock_code=event["stock_code"],
                description=event.get("description") or "", quantity=event["quantity"],
                unit_price=plain["unit_price"], tags={"batch": count}, numbers=[count, -1],
                vouchers=[{"code": "x"}])
            message.at.FromDatetime(at.replace(tzinfo=None))
            if customer:
                message.customer.id = customer
                if event.get("country"):
                    message.customer.country = event["country"]
            outputs["protobuf"].write(protobuf(message, context["protobuf"]))
            outputs["plain-protobuf"].write(message.SerializeToString())
            count += 1
    end_order()
    for output in outputs.values():
        output.file.close()
    return count


def compare(messages, lines, url, options):
    """Reads framed Avro as another shop's consumer does, and holds it beside JSON of the same content."""
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    read = AvroDeserializer(SchemaRegistryClient({"url": url} | options))
    context = SerializationContext("predictions", MessageField.VALUE)
    with open(messages, "rb") as file:
        content = file.read()
    at = equal = 0
    with open(lines) as expected:
        for line in expected:
            (count,) = struct.unpack_from("<I", content, at)
            record = read(content[at + 4:at + 4 + count], context)
            at += 4 + count
            other = json.loads(line)
            for name in ("event_time", "bought_at"):
                if other.get(name):
                    other[name] = datetime.datetime.fromisoformat(other[name].replace("Z", "+00:00"))
            defaults = {"trigger": "event", "invoice_no": ""}
            for name, value in record.items():
                if name in defaults:
                    other.setdefault(name, defaults[name])
                elif name not in other:
                    other[name] = False if value is False else None
            for part in ((record.get("explanation") or {}).get("contributions", []),
                         (other.get("explanation") or {}).get("contributions", [])):
                for entry in part:
                    if entry["value"] is not None:
                        entry["value"] = struct.unpack("<f", struct.pack("<f", entry["value"]))[0]
            equal += record == other
    return equal if at == len(content) else -1


def main(arguments):
    options, tls, port = {}, None, 0
    while arguments:
        option = arguments.pop(0)
        if option == "--user":
            user = arguments.pop(0)
            CREDENTIALS.add("Basic " + base64.b64encode(user.encode()).decode())
            options["basic.auth.user.info"] = user
        elif option == "--token":
            CREDENTIALS.add("Bearer " + arguments.pop(0))
        elif option == "--port":
            port = int(arguments.pop(0))
        elif option == "--tls":
            tls = (arguments.pop(0), arguments.pop(0))
    http.server.ThreadingHTTPServer.allow_reuse_address = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Registry)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    print(url, flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "messages":
            print(write_messages(rest[0], rest[1], url, options), flush=True)
        elif command == "compare":
            print(compare(rest[0], rest[1], url, options), flush=True)
        elif command == "requests":
            print(REQUESTS[0], flush=True)
        elif command == "register":
            print(register(rest[0], rest[1], open(rest[2]).read(), []), flush=True)


main(sys.argv[1:])
