using System.Text;
using CsCheck;
using Gallery.Service.OpenApi;

namespace Gallery.Tests.Fuzzing;

/// <summary>One fault in an otherwise good request, and the expected answer.</summary>
internal sealed record Mutation(string Class, Func<Draft, Draft> Apply, Expected Expected);

/// <summary>Every class of fault that is possible in an operation's path, query and method.</summary>
internal sealed class BadInputs(ApiDocument document)
{
    private static readonly string[] NoUuids =
    [
        "8d76bd3a053e4bb5a2abce147e53f40c", "{8d76bd3a-053e-4bb5-a2ab-ce147e53f40c}", "(8d76bd3a-053e-4bb5-a2ab-ce147e53f40c)", "+d76bd3a-053e-4bb5-a2ab-ce147e53f40c",
        "8d76bd3a-053e-4bb5-a2ab-ce147e53f40", "8d76bd3a-053e-4bb5-a2ab-ce147e53f40c0", "8d76bd3a-053e-4bb5-a2ab-ce147e53f40g", "8d76bd3a-053e-4bb5-a2ab-ce147e53f40c ",
        "８d76bd3a-053e-4bb5-a2ab-ce147e53f40c", "8d76bd3a-053e-4bb5-a2ab-ce147e53f40c\u200b", "\u202e8d76bd3a-053e-4bb5-a2ab-ce147e53f40c",
        "8d76bd3a_053e_4bb5_a2ab_ce147e53f40c", "0x00000000000000000000000000000000", "urn:uuid:8d76bd3a-053e-4bb5-a2ab-ce147e53f40c", "8d76bd3a-053e-4bb5-a2ab-ce147e53f40c;a=b",
        "8d76bd3a-053e-4bb5-a2ab-ce147e53f40c.json", "null", "undefined", "-1", "1e999", "99999999999999999999", "' or 1=1 --", "'; drop table gallery.image; --", "\U0001F305",
        "a/b", "..%2f", "%2e%2e", "%", "%zz", "{image_id}", "*", "$where", "\r\nX-Injected: 1", "\ufffd",
    ];

    private static readonly string[] NoIntegers =
    [
        "", "-1", "-0", "+1", " 1", "1 ", "1.0", "1.5", "1e1", "0x10", "１", "٣", "1\0", "1,2", "1_0", "one", "true", "null", "NaN", "∞", "[1]", "2147483648", "-2147483649", "18446744073709551616",
        "99999999999999999999999999999999999999", "1e999", "1; drop table gallery.image", "' or 1=1 --", "\u200b1", "\u202e1", "\U0001F305", "1\r\nX-Injected: 1", "$1",
    ];

    private static readonly string[] NoParameters =
    [
        "x", "offset", "page", "userid", "user_id ", "user-id", "USER_ID", "user_id[]", "user_id\0", "\0", "", " ", "\u200b", "\u202edi", "\U0001F305", "__proto__", "' or 1=1 --", "\r\nX-Injected",
    ];

    private static readonly string[] NoTimes =
    [
        "", "yesterday", "now", "0", "1768473000", "2026-01-15T10:30:00", "2026-01-15T10:30:00+02:00:00", "2026-13-01", "2026-02-30", "26-01-15", "2026-1-5", "2026-01-15\0", "2026-01-15T24:01:00Z",
        "infinity", "-infinity", "0000-00-00", "９999-01-01", "2026-01-15T10:30:00Z; select 1", "' or 1=1 --", "\U0001F305",
    ];

    private static readonly string[] NoCursors =
    [
        "a", "next", "AAAA", "0", "-1", "null", "\0", "\U0001F305", "' or 1=1 --", "../..", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "________________________________________w", "====",
    ];

    private static readonly string[] AllMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X"];

    private readonly BadBodies _bodies = new(document.Schemas);

    /// <summary>The classes of fault, by name. They are chosen equally often.</summary>
    public IReadOnlyList<(string Class, Gen<Mutation> Faults)> Make(Operation operation)
    {
        var allow = document.FindMethods(operation.Path);
        List<(string, Gen<Mutation>)> classes =
        [
            Class("wrong method", Gen.OneOf([.. AllMethods.Except(allow)]), method =>
                (draft => draft with { Method = method, Members = null, Body = null }, new Expected([405], Code: "method_not_allowed", Routed: false, Allow: allow))),
            .. document.HasTextBelow(operation) ? [] : new[] { Class("no such path", Gen.OneOf("x/", "%00/", "\U0001F305/", "../x/", "..%2fx", "deleted/deleted/deleted/"), tail =>
                (draft => draft with { Path = $"{draft.Path.TrimEnd('/')}/{Uri.EscapeDataString(tail[..^1])}/" }, new Expected([404], Code: "route_not_found", Routed: false))) },
        ];
        foreach (var parameter in operation.Parameters) classes.AddRange(Faults(operation, parameter));
        if (operation.In("query").Any())
            classes.Add(Class("unknown parameter", Gen.OneOf(NoParameters), name => (draft => draft.WithParameter(name, "1"), Expected.Refused(name))));
        if (operation.Body is { } body) classes.AddRange(body.IsLines ? _bodies.Make(body, operation.MaximumBytes).Select(one => (one.Item1, one.Item2.Select(OfLine))) : _bodies.Make(body, operation.MaximumBytes));
        else
        {
            classes.Add(Class("a body where none is asked for", Gen.OneOf("{}", "{", "\0", "null"), text =>
                (draft => draft with { Body = Encoding.UTF8.GetBytes(text), Headers = [.. draft.Headers, ("Content-Type", "application/json")] }, new Expected([]))));
            classes.Add(Class("a large body where none is asked for", Gen.Int[4_097, 20_000], length =>
                (draft => draft with { Body = new byte[length] }, new Expected([413], Code: "body_too_large"))));
        }

        return classes;
    }

    /// <summary>A fault in a line fails that line, and not the request.</summary>
    private static Mutation OfLine(Mutation fault) => fault.Expected.Statuses switch
    {
        [400] when fault.Class.EndsWith(": too large", StringComparison.Ordinal) => fault with { Expected = new Expected([200]) },   // an import takes what several saves may add up to
        [400] => fault with { Expected = new Expected([200], FailedLine: true) },
        [413] => fault with { Expected = new Expected([200]) },   // a line may be longer than another body
        _ => fault,
    };

    private IEnumerable<(string, Gen<Mutation>)> Faults(Operation operation, Parameter parameter)
    {
        var schema = document.Schemas.Resolve(parameter.Schema);
        var types = document.Schemas.Types(schema);
        switch (parameter.In, types, JsonSchemas.FindFormat(schema))
        {
            case ("path", ["string"], "uuid"):
                yield return Class($"{parameter.Name}: no UUID", Gen.OneOf(NoUuids), text =>
                    (draft => draft with { Path = draft.Path.Replace(draft.Id.ToString(), Uri.EscapeDataString(text), StringComparison.Ordinal) },
                        new Expected([404], Code: "route_not_found", Routed: false)));
                break;

            case ("query", ["string"], "uuid"):
                yield return Class($"{parameter.Name}: no UUID", Gen.OneOf(NoUuids), text => (draft => draft.WithParameter(parameter.Name, text), Expected.Refused(parameter.Name)));
                yield return Twice(parameter.Name, Guid.Empty.ToString());
                break;

            case ("path", ["string"], null):   // each route has its own rules for a text
                break;

            case ("query", ["integer"], _):
                yield return Class($"{parameter.Name}: no integer", Gen.OneOf(NoIntegers), text => (draft => draft.WithParameter(parameter.Name, text), Expected.Refused(parameter.Name)));
                int[] past = [.. new[] { JsonSchemas.FindBound(schema, "minimum") - 1, JsonSchemas.FindBound(schema, "maximum") + 1 }.OfType<int>()];
                if (past.Length > 0)
                    yield return Class($"{parameter.Name}: past its bounds", Gen.OneOf(past), number => (draft => draft.WithParameter(parameter.Name, $"{number}"), Expected.Refused(parameter.Name)));
                yield return Twice(parameter.Name, "1");
                break;

            case ("query", ["boolean"], null):
                yield return Class($"{parameter.Name}: no boolean", Gen.OneOf("", "1", "yes", "True", "null", "true "), text => (draft => draft.WithParameter(parameter.Name, text), Expected.Refused(parameter.Name)));
                yield return Twice(parameter.Name, "true");
                break;

            // The schema does not say that a cursor must come from a page.
            case ("query", ["string"], null) when parameter.Name == "cursor" && operation.Method == "GET":
                yield return Class("cursor: none of this list", Gen.OneOf(NoCursors), text => (draft => draft.WithParameter("cursor", text), Expected.Refused("cursor")));
                break;

            case ("query", ["string"], null) when JsonSchemas.FindPattern(schema) == RouteFacts.TimePattern:
                yield return Class($"{parameter.Name}: no time", Gen.OneOf(NoTimes), text => (draft => draft.WithParameter(parameter.Name, text), Expected.Refused(parameter.Name)));
                yield return Twice(parameter.Name, "2026-01-15");
                break;

            case ("query", ["string"], null) when schema.TryGetProperty("enum", out var choices):
                yield return Class($"{parameter.Name}: none of its values", Gen.OneOf("", "x", "\0", "NAME", " name", "\U0001F305"), text => (draft => draft.WithParameter(parameter.Name, text), Expected.Refused(parameter.Name)));
                yield return Twice(parameter.Name, choices[0].GetString()!);
                break;

            case ("query", ["string"], null):
                yield return Class($"{parameter.Name}: U+0000", Gen.OneOf("\0", "a\0", "\0a"), text => (draft => draft.WithParameter(parameter.Name, text), Expected.Refused(parameter.Name)));
                if (JsonSchemas.FindBound(schema, "minLength") > 0)
                    yield return Class($"{parameter.Name}: empty", Gen.Const(""), text => (draft => draft.WithParameter(parameter.Name, text), Expected.Refused(parameter.Name)));
                if (JsonSchemas.FindBound(schema, "maxLength") is { } maximum)
                    yield return Class($"{parameter.Name}: too long", Gen.Int[maximum + 1, maximum + 1_000], length =>
                        (draft => draft.WithParameter(parameter.Name, new string('x', length)), Expected.Refused(parameter.Name)));
                yield return Twice(parameter.Name, "a");
                break;

            case ("query", ["array"], _):
                var item = schema.GetProperty("items");
                var (good, bad) = JsonSchemas.FindFormat(item) == "uuid" ? (Guid.Empty.ToString(), NoUuids)
                    : item.TryGetProperty("enum", out var names) ? (names[0].GetString()!, ["", "x", "\0", " ", $"{names[0].GetString()},"])
                    : ("a", new[] { "", "\0", "a\0", " a", "a\n", new string('x', JsonSchemas.FindBound(item, "maxLength")!.Value + 1) });
                yield return Class($"{parameter.Name}: a wrong item", Gen.OneOf(bad), text => (draft => draft.WithParameter(parameter.Name, text), Expected.Refused(parameter.Name)));
                if (!item.TryGetProperty("enum", out _))
                    yield return Class($"{parameter.Name}: too many", Gen.Const(JsonSchemas.FindBound(schema, "maxItems")!.Value + 1), count =>
                        (draft => parameter.Explodes
                            ? draft with { Query = [.. draft.Query.Where(given => given.Name != parameter.Name), .. Enumerable.Repeat((parameter.Name, good), count)] }
                            : draft.WithParameter(parameter.Name, string.Join(',', Enumerable.Repeat(good, count))), Expected.Refused(parameter.Name)));
                break;

            case ("query", ["object"], _):
                yield return Class($"{parameter.Name}: no key", Gen.OneOf("", ".", ".a.", "[", "[a", "[]", "a"), tail => (draft => draft.WithParameter(parameter.Name + tail, "1"), Expected.Refused(parameter.Name + tail)));
                yield return Class($"{parameter.Name}: too many", Gen.Const(schema.GetProperty("maxProperties").GetInt32() + 1), count =>
                    (draft => draft with { Query = [.. draft.Query, .. Enumerable.Range(0, count).Select(n => ($"{parameter.Name}.key{n}", "1"))] }, Expected.Refused(parameter.Name)));
                yield return Class($"{parameter.Name}: U+0000", Gen.OneOf("\0", "a\0"), text => (draft => draft.WithParameter(parameter.GoodName, text), Expected.Refused(parameter.GoodName)));
                break;

            case ("header", ["string"], null) when operation.Method != "GET":
                yield return Class($"{parameter.Name}: no entity tags", Gen.OneOf("x", "\"", "\"a\" b", "W/\"1\", *"), text => (draft => draft.WithHeader(parameter.Name, text), Expected.Refused(parameter.Name)));
                break;

            case ("header", ["string"], null):   // takes whatever can be sent
                break;

            default:
                throw new NotSupportedException($"{operation.Id} has the parameter {parameter.Name} of a kind that the fuzzer can not make worse.");
        }
    }

    internal static (string, Gen<Mutation>) Class<T>(string name, Gen<T> values, Func<T, (Func<Draft, Draft> Apply, Expected Expected)> make) =>
        (name, values.Select(value =>
        {
            var (apply, expected) = make(value);
            return new Mutation(name, apply, expected);
        }));

    private static (string, Gen<Mutation>) Twice(string name, string value) =>
        Class($"{name}: twice", Gen.Const(value), _ => (draft => draft with { Query = [.. draft.WithParameter(name, value).Query, (name, value)] }, Expected.Refused(name)));
}
