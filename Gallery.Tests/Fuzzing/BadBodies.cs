using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;
using static Gallery.Tests.Fuzzing.BadInputs;

namespace Gallery.Tests.Fuzzing;

/// <summary>Every class of fault that a body of JSON can have: as bytes, as JSON, and by its schema.</summary>
internal sealed partial class BadBodies(JsonSchemas schemas)
{
    private const int Megabyte = 1_000_000;

    private static readonly string[] OneOfEachType = ["5", "-1.5", "1e999", "true", "\"\"", "\"text\"", "[]", "[\"a\"]", "[{}]", "{}", "{\"a\":1}"];

    // Values that the parser accepts and PostgreSQL rejects, in names too. X is the place of the value.
    private static readonly string[] Places = ["{\"a\":X}", "{\"a\":[X]}", "{\"a\":[[],{\"b\":[X]}]}", "{\"a\":{\"b\":{\"c\":X}}}"];
    private static readonly string[] Unstorable = ["\"\\u0000\"", "\"a\\u0000b\"", "\"\\ud83c\"", "\"\\udf05\"", "\"\\udf05\\ud83c\"", "\"x\\uD800x\"", "\"\\ud83c\\ud83c\\udf05\""];
    private static readonly string[] OutOfRange =
    [
        "1e200000", "-1E+131072", "1e70000", "1e131072", "1e-16384", "-1.5e-16383", "0e-20000", "1e99999999999999999999", "1e-99999999999999999999", "0e99999999999999999999", "0e1073741823",
    ];

    private static readonly string[] NoItems = ["null", "\"\"", "\" a\"", "\"a\u2029\"", "\"a\\u0085b\"", "\"\\n\"", "\".\"", "\"..\"", "\"\ufeffa\"", $"\"{new string('x', 65)}\""];

    private static readonly string[] NoObjects = ["", " ", "null", "true", "5", "\"text\"", "[]", "[{}]", "[[[[[[", "\0"];
    private static readonly string[] NoJson =
    [
        "{", "}", "{}}", "{} {}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{'a':1}", "{a:1}", "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":0x1}",
        "{\"a\":\"\n\"}", "{\"a\":\"\0\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"\\ud800\":1}", "{/**/}", "{}//", "\u200b{}", "{\u00a0}", "<a/>", "a=b", "--x\r\n", "(function(){})", "\u001f\u008b",
    ];

    private static readonly byte[][] NoUtf8 = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]];

    private static readonly string?[] NoMediaTypes =
    [
        null, "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "application/octet-stream", "application/json; charset=utf-16",
        "application/json; charset=latin1", "application/jsonp", "json", "*/*", "application/*", "\U0001F305",
    ];

    private static readonly string[] NoNames =
    [
        "x", "User_Id", "USER_ID", "user_id ", " user_id", "userId", "user-id", "user\u200b_id", "\u202euser_id", "usеr_id", "", " ", "\0", "\U0001F305", "__proto__", "constructor", "$ref", "image_id",
        "deleted_at", "revision", "' or 1=1 --", "a.b",
    ];

    private static readonly byte[] Bomb = Compress(new byte[16 * 1024 * 1024]);

    public IEnumerable<(string, Gen<Mutation>)> Make(RequestBody body, int maximumBytes)
    {
        var schema = schemas.Resolve(body.Schema);
        if (schemas.Types(schema) is not ["object"] || !schema.TryGetProperty("properties", out var properties))
            throw new NotSupportedException($"The fuzzer can not make a body of this worse: {schema}");

        foreach (var one in Bytes(body, maximumBytes)) yield return one;
        var required = JsonSchemas.Required(schema);
        foreach (var property in properties.EnumerateObject())
        {
            foreach (var one in Faults(property.Name, schemas.Resolve(property.Value), maximumBytes)) yield return one;
            if (required.Contains(property.Name))
                yield return Class($"{property.Name}: missing", Gen.Const(0), _ => (draft => draft with { Members = [.. draft.Members!.Where(member => member.Name != property.Name)] }, Expected.Refused(property.Name)));
            if (required.Contains(property.Name) || !schemas.Types(property.Value).Contains("null"))
                yield return Class($"{property.Name}: null", Gen.Const("null"), json => (draft => draft.With(property.Name, json), Expected.Refused(property.Name)));
        }

        if (schema.TryGetProperty("additionalProperties", out var open) && open.ValueKind == JsonValueKind.False)
            yield return Class("unknown field", Gen.Select(Gen.OneOf([.. NoNames.Where(name => !properties.TryGetProperty(name, out _))]), Gen.OneOf(OneOfEachType)), field =>
                (draft => draft with { Members = [.. draft.Members!, new Member(field.Item1, field.Item2)] }, Expected.Refused(field.Item1)));
    }

    private static IEnumerable<(string, Gen<Mutation>)> Bytes(RequestBody body, int maximumBytes)
    {
        yield return Class("half a body", Gen.Double[0, 1], part => (draft => draft with { Body = Insert(draft.RenderBody()[..^1], part, null) }, Expected.Refused()));
        yield return Class("no object", Gen.OneOf([.. NoObjects.Where(text => text.Length > 0 || body.Required)]), text => (draft => draft with { Body = Encoding.UTF8.GetBytes(text) }, Expected.Refused()));
        yield return Class("no JSON", Gen.OneOf(NoJson), text => (draft => draft with { Body = Encoding.UTF8.GetBytes(text) }, Expected.Refused()));
        yield return Class("no UTF-8", Gen.Select(Gen.OneOf(NoUtf8), Gen.Double[0, 1]), bytes =>
            (draft => draft with { Body = Insert(draft.RenderBody(), bytes.Item2, bytes.Item1) }, Expected.Refused()));
        yield return Class("more than a body may have", Gen.Int[maximumBytes, maximumBytes + Megabyte], length => (draft => draft with { Body = [.. draft.RenderBody(), .. Encoding.UTF8.GetBytes(new string(' ', length))] }, new Expected([413])));
        yield return Class("another media type", Gen.OneOf([.. NoMediaTypes.Except(body.MediaTypes)]), type => (draft => draft.WithHeader("Content-Type", type), new Expected([415])));
        yield return Class("a compressed body, small or a bomb", Gen.Select(Gen.OneOf("gzip", "GZIP", "br", "deflate", "gzip, gzip", "identity, gzip", "x"), Gen.Bool), coding =>
            (draft => draft.WithHeader("Content-Encoding", coding.Item1) with { Body = coding.Item2 ? Bomb : Compress(draft.RenderBody()) }, new Expected([415])));
    }

    private IEnumerable<(string, Gen<Mutation>)> Faults(string name, JsonElement schema, int maximumBytes)
    {
        var types = schemas.Types(schema);
        (string, Gen<Mutation>) Refused(string what, Gen<string> json) => Class($"{name}: {what}", json, value => (draft => draft.With(name, value), Expected.Refused(name)));

        // An item of the wrong type fails alone.
        yield return Refused("wrong type", Gen.OneOf([.. OneOfEachType.Where(json => !json.StartsWith("\"\"", StringComparison.Ordinal) && !(types.Contains("array") && json.Length > 2 && json[0] == '[') && schemas.FindFault(schema, JsonDocument.Parse(json).RootElement) is not null)]));
        yield return Class($"{name}: twice", Gen.Select(Gen.OneOf([.. OneOfEachType, "null", "same"]), Gen.Bool), twice => (draft => Repeat(draft, name, twice.Item1, twice.Item2), Expected.Refused(name)));

        if (types.Contains("string"))
        {
            yield return Refused("what can not be stored", Gen.OneOf(Unstorable));
            if (JsonSchemas.FindBound(schema, "minLength") > 0) yield return Refused("empty", Gen.Const("\"\""));
            if (JsonSchemas.FindBound(schema, "maxLength") is { } maximum)
                yield return Refused("too long", Gen.Select(Gen.OneOf("x", "字", "\\u0061", "\u200b", "\U0001F305"), Gen.Frequency<int>((9, Gen.Const(maximum + 1)), (1, Gen.Int[maximum + 1, 40_000])))
                    .Select((one, length) => $"\"{string.Concat(Enumerable.Repeat(one, length))}\""));
            yield return Class($"{name}: 1 MB", Gen.Int[Megabyte, Megabyte + 100_000], length =>
                (draft => draft.With(name, $"\"{new string('x', length)}\""), maximumBytes < Megabyte ? new Expected([413]) : Expected.Refused(name)));
            if (JsonSchemas.FindFormat(schema) == "uri")
                yield return Class($"{name}: no such URL", Gen.OneOf(NoUrls), spoil => (draft => draft.With(name, JsonSerializer.Serialize(spoil(Good(draft, name)))), Expected.Refused(name)));
        }

        if (types.Contains("array") && JsonSchemas.FindBound(schema, "maxItems") is { } most && JsonSchemas.FindPattern(schemas.Resolve(schema.GetProperty("items"))) is not null)   // of texts
        {
            yield return Refused("a bad item", Gen.OneOf([.. Unstorable, .. NoItems, .. OneOfEachType.Where(json => json[0] != '"')]).Select(item => $"[\"a\",{item}]"));
            yield return Refused("too many", Gen.Int[most + 1, 3_000].Select(count => $"[{string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{i}\""))}]"));
        }

        if (types.Contains("object") && !schema.TryGetProperty("properties", out _))
        {
            yield return Refused("what can not be stored", Gen.Select(Gen.OneOf(Places), Gen.OneOf(Unstorable), (place, value) => place.Replace("X", value, StringComparison.Ordinal)));
            yield return Refused("a name that can not be stored", Gen.Select(Gen.OneOf(Places), Gen.OneOf(Unstorable), (place, value) => place.Replace("X", $"{{{value}:1}}", StringComparison.Ordinal)));
            yield return Refused("a number out of range", Gen.Select(Gen.OneOf(Places), Gen.OneOf(OutOfRange), (place, value) => place.Replace("X", value, StringComparison.Ordinal)));
            yield return Refused("a name twice", Gen.Select(Gen.OneOf(Places), Gen.OneOf("{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}", "{\"a\":{},\"b\":1,\"a\":null}", "{\"\":1,\"\":2}"), (place, value) => place.Replace("X", value, StringComparison.Ordinal)));
            yield return Refused("65 levels", Gen.Select(Gen.Int[65, 3_000], Gen.Bool, (levels, arrays) => $"{{\"a\":{Nest(levels - 1, arrays ? "[" : "{\"a\":", arrays ? "]" : "}")}}}"));
            // Without long texts, which would exceed the limit of the whole body.
            yield return Class($"{name}: too large", Gen.Int[70_000, 200_000], length =>
                (draft => (draft with { Members = [.. draft.Members!.Where(member => member.Json.Length < 10_000)] }).With(name, $"{{\"a\":\"{new string('x', length)}\"}}"), Expected.Refused(name)));
        }
    }

    private static readonly Func<string, string>[] NoUrls =
    [
        _ => "nowhere", _ => "https://", _ => "/", _ => "\U0001F305", url => url["https://".Length..], url => url["https:".Length..], url => $"ftp{url["https".Length..]}", url => $"javascript:{url}", url => $"file:{url["https:".Length..]}",
        url => $" {url}", url => $"{url} ", url => $"{url}\n", url => $"{url}\\", url => url.Insert(url.LastIndexOf('/'), "/%zz"), url => url.Insert(url.LastIndexOf('/'), "/%00"), url => url.Insert(url.LastIndexOf('/'), "/\u2028"),
        url => url.Insert("https://".Length, "user@"), url => url.Insert("https://".Length, "evil.example/"), url => url.Insert("https://".Length, "x."), url => FirstSlash().Replace(url, ".evil.example/", 1),
        url => FirstSlash().Replace(url, ":8443/", 1), url => FirstSlash().Replace(url, "\u200b/", 1), url => Digits().Replace(url, "x"), url => $"{url[..url.LastIndexOf('/')]}/cat.png", url => $"{url}/", url => $"{url}/..", url => url + url,
    ];

    private static string Good(Draft draft, string name) => JsonDocument.Parse(draft.Members!.Single(member => member.Name == name).Json).RootElement.GetString()!;

    private static Draft Repeat(Draft draft, string name, string json, bool escaped)
    {
        var first = draft.Members!.FirstOrDefault(member => member.Name == name) ?? new Member(name, "null");
        var again = new Member(name, json == "same" ? first.Json : json, escaped ? $"\"\\u{(int)name[0]:x4}{name[1..]}\"" : null);
        return draft with { Members = [.. draft.Members!.Where(member => member.Name != name), first, again] };
    }

    private static string Nest(int levels, string open, string close) => $"{string.Concat(Enumerable.Repeat(open, levels))}{(open == "[" ? "" : "1")}{string.Concat(Enumerable.Repeat(close, levels))}";

    /// <summary>Inserts bytes at a part of the text. Without bytes to insert, cuts the text off there, and leaves something.</summary>
    private static byte[] Insert(byte[] whole, double part, byte[]? inserted)
    {
        var at = (int)(whole.Length * part);
        return inserted is null ? whole[..Math.Max(1, at)] : [.. whole[..at], .. inserted, .. whole[at..]];
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest)) gzip.Write(bytes);
        return compressed.ToArray();
    }

    [GeneratedRegex("(?<=[^/:])/")]
    private static partial Regex FirstSlash();

    [GeneratedRegex("[0-9]")]
    private static partial Regex Digits();
}
