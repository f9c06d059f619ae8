using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;
using Gallery.Service.OpenApi;
using Gallery.Sql.Tags;

namespace Gallery.Tests.Fuzzing;

/// <summary>Requests that are valid according to the document.</summary>
internal sealed partial class GoodInputs(ApiDocument document)
{
    // Texts that many services return changed, or not at all.
    private static readonly string[] Pieces =
    [
        "a", "Z", "0", " ", "\t", "\n", "\r\nX-Injected: 1", "\"", "\\", "/", "%", "%00", "\\u0000", "\u0001", "\u001b[2J", "\u007f", "é", "e\u0301", "ß", "ı",
        "字", "\u05d0", "\u200b", "\u200d", "\ufeff", "\u202e", "\u2066", "\u2028", "\U0001F305", "\U0001F469\u200d\U0001F469\u200d\U0001F467", "\uffff", "\U0010FFFF",
        "'; drop table gallery.image; --", "' or 1=1 --", "$1", "@UserId", "{0}", "<script>alert(1)</script>", "null", "../",
    ];

    private static readonly string[] Numbers =
    [
        "0", "-0", "1", "-1.50", "1e3", "1E+2", "0.1e-7", "1e-300", "1e400", "0e16383", "9007199254740993", "123456789012345678901234567890.123456789", "1e-4000",
    ];

    private static readonly string[] Searches =
    [
        "sunset", "\"golden hour\" -cat", "桜 or neon*", "OR x or or y or", "\"or\" and", "-x \"y", "a\"b\"c", "--ar 16:9 -20", "light*, (dark*) **", "*x* y*z", "gold*\"en h\"*", "東京タワー -大阪",
        "แมว*", "한복 or 桜*", "golden \U0001F305 hour\u200d", "e\u0301*", "½ № ℃ Ⅷ", "'; drop table gallery.image; -- x", "a & b | !c <-> d:*", "\\ x' zqzq", "ＦＵＬＬ－ｗｉｄｔｈ＊", "x\t\n\r\ny",
    ];

    private static readonly Gen<string> AnyText = Gen.OneOf(Pieces).Array[0, 8].Select(string.Concat);

    // Headers that clients and proxies add. None may change an answer.
    private static readonly Gen<(string, string)> AnyHeader = Gen.OneOf(
        ("Accept", "text/html"), ("Accept", "*/*;q=0"), ("Accept-Language", "xx-\U0001F305"), ("Accept-Encoding", "gzip, br"), ("X-HTTP-Method-Override", "DELETE"),
        ("X-Forwarded-For", "' or 1=1 --"), ("X-Forwarded-Host", "evil.example"), ("X-Original-URL", "/docs"), ("Range", "bytes=0-1"), ("If-Unmodified-Since", "yesterday"),
        ("If-Modified-Since", "yesterday"), ("Cookie", "a=\u0001; b=\u200b"), ("Referer", "javascript:alert(1)"), ("X-Long", new string('x', 8_000)));

    private static readonly Gen<string> EntityTags = Gen.OneOf("*", "\"1-0\"", "W/\"1\", \"y\"", "\"x\"");

    /// <summary>A text of so many characters, which are Unicode code points.</summary>
    public static Gen<string> Text(int minimum, int maximum) => Gen.Frequency<string>(
        (12, AnyText.Select(text => Fit(text, minimum, maximum))),
        (1, Gen.OneOf("x", "字", "\U0001F305").Select(one => string.Concat(Enumerable.Repeat(one, Math.Min(maximum, 20_000))))));

    /// <summary>Text as JSON, sometimes with unnecessary escapes.</summary>
    public static Gen<string> Json(Gen<string> text) => Gen.Select(text, Gen.Bool, (value, escaped) =>
        JsonSerializer.Serialize(value, escaped ? Escaping : Relaxed));

    private static readonly JsonSerializerOptions Escaping = new();
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Good requests for an operation, in each possible state of its image.</summary>
    public Gen<Draft> Make(Operation operation)
    {
        var things = document.FindCreator(operation) is not { } creator ? Gen.Const(Before.Unknown)
            : document.FindItem(creator, "DELETE") is null ? Gen.OneOf(Before.Unknown, Before.Live, Before.Live)
            : Gen.OneOf(Before.Unknown, Before.Live, Before.Live, Before.Deleted);
        var ids = Gen.Guid.Select(id => new Guid(SHA256.HashData([.. id.ToByteArray(), .. Encoding.UTF8.GetBytes(operation.Id)])[..16]));   // different for each operation
        return Gen.Select(ids, things, Gen.Frequency((7, operation.Path), (3, operation.Path.TrimEnd('/'))), Gen.Frequency((9, false), (1, true)))
            .SelectMany((id, before, path, head) => Gen.Select(
                Query(operation, id),
                Headers(operation),
                operation.Body is { } body ? Members(body, id) : Gen.Const((IReadOnlyList<Member>?)null),
                (query, headers, members) => new Draft(
                    id,
                    before,
                    head && operation.Method == "GET" ? "HEAD" : operation.Method,
                    document.Fill(operation with { Path = path }, id),
                    query,
                    members is null ? headers : [.. headers, ("Content-Type", operation.Body!.MediaType)],
                    members)));
    }

    /// <summary>A good value of a field, as JSON.</summary>
    public Gen<string> Value(JsonElement given, JsonElement? example, Guid id)
    {
        var schema = document.Schemas.Resolve(given);
        if (schema.TryGetProperty("enum", out var allowed)) return Gen.OneOf([.. allowed.EnumerateArray().Select(one => one.GetRawText())]);
        var values = document.Schemas.Types(schema).Where(type => type != "null").Select(type => Value(type, schema, example, id)).ToArray();
        var any = values.Length == 1 ? values[0] : Gen.OneOf<string>(values);
        return document.Schemas.Types(schema).Contains("null") ? Gen.Frequency<string>((9, any), (1, Gen.Const("null"))) : any;
    }

    private Gen<string> Value(string type, JsonElement schema, JsonElement? example, Guid id) => type switch
    {
        "boolean" => Gen.OneOf("true", "false"),
        "integer" when JsonSchemas.FindBound(schema, "minimum") == 0 => Gen.Const("0"),   // a wait
        "integer" => Gen.Int[JsonSchemas.FindBound(schema, "minimum") ?? int.MinValue, JsonSchemas.FindBound(schema, "maximum") ?? int.MaxValue]
            .Select(number => number.ToString(CultureInfo.InvariantCulture)),
        "number" => Gen.OneOf(Numbers),
        "array" => Value(schema.GetProperty("items"), example is { ValueKind: JsonValueKind.Array } some && some.GetArrayLength() > 0 ? some[0] : null, id)
            .Array[JsonSchemas.FindBound(schema, "minItems") ?? 0, 4].Select(items => $"[{string.Join(',', items)}]"),
        "object" => schema.TryGetProperty("properties", out _)
            ? Members(new RequestBody(RequestBody.Json, schema, example), id).Select(members => Encoding.UTF8.GetString(new Draft(id, Before.Unknown, "", "", [], [], members).RenderBody()))
            : AnyObject,
        "string" => JsonSchemas.FindFormat(schema) switch
        {
            "uuid" => Gen.Const($"\"{id}\""),
            "date-time" when example is { } time => Gen.Const(time.GetRawText()),   // some must be over, others are to come
            "date-time" => Gen.OneOf("\"2026-01-15T10:30:00Z\"", "\"2026-01-15T12:30:00.000000+02:00\"", "\"2026-01-15 10:30:00+00\""),   // one time, so that no order of two is wrong
            // The schema does not say which URIs are good, but the example shows one. A UUID in it is replaced by the image's.
            "uri" => example is { } uri
                ? Json(Gen.Const(Uuid().Replace(uri.GetString()!, id.ToString())))
                : throw new NotSupportedException($"A URI without an example: {schema}"),
            null => Json(Text(schema, example)),
            var format => throw new NotSupportedException($"The fuzzer makes no {format}."),
        },
        _ => throw new NotSupportedException($"The fuzzer makes no {type}."),
    };

    private static Gen<string> Text(JsonElement schema, JsonElement? example)
    {
        var (minimum, maximum) = (JsonSchemas.FindBound(schema, "minLength") ?? 0, JsonSchemas.FindBound(schema, "maxLength") ?? 1_000);
        var pattern = JsonSchemas.FindPattern(schema);
        var isTag = maximum == Tag.MaximumCodePoints;
        if (isTag) maximum = Tag.MaximumLength;   // no schema can say that its characters are counted in NFC
        var any = pattern is null ? Text(minimum, maximum) : Text(minimum, maximum)
            .Select(text => Fit(AsHeader(text).Trim('\ufeff', ' ', '\u2028'), minimum, maximum))   // as a tag's has it
            .Select(text => Regex.IsMatch(text, pattern, RegexOptions.ECMAScript) ? text : Fit(string.Concat(text.Where(character => character is > ' ' and <= '~')), minimum, maximum));
        if (isTag) any = Gen.Frequency<string>((12, any), (1, Gen.Const(string.Concat(Enumerable.Repeat("e\u0301", maximum)))));
        return example is { ValueKind: JsonValueKind.String } one ? Gen.Frequency<string>((1, Gen.Const(one.GetString()!)), (1, any)) : any;
    }

    /// <summary>An object with any values that can be stored, as JSON, with up to eight levels.</summary>
    private static readonly Gen<string> AnyObject = Gen.Recursive<string>((depth, inner) =>
    {
        var leaf = Gen.OneOf<string>(Json(AnyText), Gen.OneOf(Numbers), Gen.OneOf("null", "true", "false", "{}", "[]"));
        var value = depth >= 7 ? leaf : Gen.Frequency<string>((3, leaf), (1, inner), (1, leaf.Array[0, 3].Select(items => $"[{string.Join(',', items)}]")));
        return Gen.Select(AnyText, value).Array[0, 3].Select(members =>
            $"{{{string.Join(',', members.Select((member, i) => $"{JsonSerializer.Serialize($"{member.Item1}{i}")}: {member.Item2}"))}}}");
    });

    private Gen<IReadOnlyList<Member>?> Members(RequestBody body, Guid id)
    {
        var schema = document.Schemas.Resolve(body.Schema);
        var required = JsonSchemas.Required(schema);
        var members = schema.GetProperty("properties").EnumerateObject().Select(property =>
        {
            // No schema can say that some values need a correction, and that a correction needs a note.
            if (schema.GetProperty("properties").TryGetProperty("corrects", out _) && property.Name is "corrects" or "quantity" or "kind" && body.Example is { } usage)
                return Gen.Const(usage.TryGetProperty(property.Name, out var given) ? (Member?)new Member(property.Name, given.GetRawText()) : null);
            var value = Value(property.Value, body.Example is { } example && example.TryGetProperty(property.Name, out var one) ? one : null, id)
                .Where(json => json != "null" || !required.Contains(property.Name))
                .Select(json => (Member?)new Member(property.Name, json));
            return required.Contains(property.Name) ? value : Gen.Frequency<Member?>((2, value), (1, Gen.Const((Member?)null)));
        });
        return Gen.ShuffleSelect(members.ToArray()).Select(all => (IReadOnlyList<Member>?)Agree([.. all.OfType<Member>()], schema, body));
    }

    /// <summary>No schema can say that a request must name something in one of its lists, and nothing in two. So the later list loses what the first names, and if all are empty, one gets its example.</summary>
    private IReadOnlyList<Member> Agree(IReadOnlyList<Member> members, JsonElement schema, RequestBody body)
    {
        var lists = schema.GetProperty("properties").EnumerateObject().Where(property => document.Schemas.Types(property.Value).Contains("array")).Select(property => property.Name).Except(JsonSchemas.Required(schema)).ToList();
        if (lists.Count < 2) return members;
        var named = new HashSet<string>();
        var agreed = members.Select(member => lists.Contains(member.Name) && member.Json != "null"
            ? member with { Json = JsonSerializer.Serialize(JsonSerializer.Deserialize<string[]>(member.Json)!.Where(item => named.Add(Tag.Of(item).Key)), Relaxed) }
            : member).ToList();
        return named.Count > 0 ? agreed : [.. agreed.Where(member => member.Name != lists[0]), new Member(lists[0], body.Example!.Value.GetProperty(lists[0]).GetRawText())];
    }

    /// <summary>Hardly any image passes several filters. So half of the queries for the case's image have no other filter.</summary>
    private Gen<IReadOnlyList<(string Name, string Value)>> Query(Operation operation, Guid id)
    {
        var parameters = operation.In("query").Where(parameter => parameter.Required || parameter.Name != "cursor");   // good cursors come from answers, and are followed there
        return Gen.Select(Optional(parameters.Select(parameter => (parameter, Values(parameter, id)))), Gen.Bool, (query, alone) =>
            alone && query.Any(given => given.Name == "ids" && given.Value.Contains($"{id}", StringComparison.Ordinal))
                ? (IReadOnlyList<(string, string)>)[.. query.Where(given => given.Name is "ids" or "sort" or "fields" or "count" or "limit")]
                : query.Any(given => given.Name == "q") ? [.. query.Select(given => given.Name == "has_prompt" ? (given.Name, "true") : given)]   // no schema says that they exclude each other
                : query);
    }

    private static Gen<IReadOnlyList<(string, string)>> Headers(Operation operation) => Gen.Select(
        Optional(operation.In("header").Select(parameter => (parameter, (operation.Method == "GET" ? Gen.OneOf<string>(Text(0, 100).Select(AsHeader), EntityTags) : EntityTags).Select(value => new[] { value })))),
        Gen.Frequency<(string, string)[]>((3, AnyHeader.Array[0]), (1, AnyHeader.Array[1, 3])),
        (declared, others) => (IReadOnlyList<(string, string)>)[.. declared, .. others.DistinctBy(header => header.Item1)]);

    /// <summary>The values of a parameter. One that is a list has up to three, or none. A list of names has some of them, in any order.</summary>
    private Gen<string[]> Values(Parameter parameter, Guid id)
    {
        var one = Parameter(parameter, id);
        var schema = document.Schemas.Resolve(parameter.Schema);
        if (document.Schemas.Types(schema) is not ["array"]) return one.Select(value => new[] { value });
        if (parameter.Explodes) return one.Array[0, 3];
        var some = schema.GetProperty("items").TryGetProperty("enum", out var names)
            ? Gen.Shuffle(names.EnumerateArray().Select(name => name.GetString()!).ToArray(), 1, names.GetArrayLength())
            : one.Array[1, 3];
        return some.Select(items => new[] { string.Join(',', items.Distinct()) });
    }

    private Gen<string> Parameter(Parameter parameter, Guid id)
    {
        if (parameter.Name == "q") return Gen.OneOf(Searches);   // no schema says that it needs a word
        var schema = document.Schemas.Resolve(parameter.Schema);
        if (document.Schemas.Types(schema) is ["array"]) schema = schema.GetProperty("items");
        if (document.Schemas.Types(schema) is ["object"]) return Text(0, 20);   // the request line has its own limit
        if (parameter.Name == "period") return Gen.OneOf(ApiDocument.AnyMonth, "1999-12");   // no schema says that it must be over
        if (parameter.Required) return Gen.Const(ApiDocument.AnyText);   // repeats the path's, as a confirmation
        if (JsonSchemas.FindFormat(schema) == "uuid") return Gen.OneOf<string>(Gen.Const(id.ToString()), Gen.Guid.Select(other => other.ToString()));   // the case's image, which may be there, or none
        if (JsonSchemas.FindPattern(schema) == RouteFacts.TimePattern)   // no schema says that the end must be later
            return parameter.Name.EndsWith("to", StringComparison.Ordinal) ? Gen.OneOf("2026-01-16T10:30:00Z", "2026-01-16") : Gen.OneOf("2026-01-15T10:30:00Z", "2026-01-15T12:30:00.5+02:00", "2026-01-15");
        if (schema.TryGetProperty("enum", out var choices)) return Gen.OneOf([.. choices.EnumerateArray().Select(choice => choice.GetString()!)]);
        return document.Schemas.Types(schema) is ["string"] && JsonSchemas.FindFormat(schema) is null
            ? Text(schema, document.FindExample(parameter.Name))
            : Value(schema, null, Guid.NewGuid());
    }

    private static Gen<IReadOnlyList<(string Name, string Value)>> Optional(IEnumerable<(Parameter Parameter, Gen<string[]> Values)> parameters)
    {
        var some = parameters.Select(one => Gen.Select(one.Values, Gen.Bool, (values, given) => (one.Parameter.GoodName, Values: values, Given: given || one.Parameter.Required))).ToArray();
        return some.Length == 0
            ? Gen.Const((IReadOnlyList<(string, string)>)[])
            : Gen.ShuffleSelect(some).Select(all => (IReadOnlyList<(string, string)>)[.. all.Where(one => one.Given).SelectMany(one => one.Values.Select(value => (one.GoodName, value)))]);
    }

    private static string Fit(string text, int minimum, int maximum)
    {
        var runes = text.EnumerateRunes().Take(maximum).ToList();
        return string.Concat(runes) + new string('x', Math.Max(0, minimum - runes.Count));
    }

    private static string AsHeader(string text) => string.Concat(text.Where(character => !char.IsControl(character))).Trim();

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", RegexOptions.ExplicitCapture)]
    private static partial Regex Uuid();
}
