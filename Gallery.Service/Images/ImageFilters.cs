using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.OpenApi;
using Gallery.Service.Tags;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Tags;
using Microsoft.OpenApi;

namespace Gallery.Service.Images;

/// <summary>The filters of images, which their lists, the counts and the export have in common.</summary>
internal static class ImageFilters
{
    private const int MaximumTags = 10;
    private const int MaximumValues = 10;
    private const int MaximumIds = 100;
    private const int MaximumWords = 256;
    private const int MaximumDepth = 10;
    private const int MaximumValue = 256;
    private const string Metadata = "metadata";

    // What callers who guess call these filters, those of Django among them.
    private static readonly OtherNames Guesses = new(
        ("created_from", "since after date_from start start_date created_after created_since created_at__gte created_at__gt"),
        ("created_to", "to until before date_to end end_date created_before created_until created_at__lte created_at__lt"),
        ("For images of one time, send created_from and created_to.", "created created_at date day month created_at__date"),
        ("Filtering by the time of deletion is not supported.", "deleted_at deleted_from deleted_to deleted_after deleted_before deleted_since"),
        ("GET /v1/gallery/deleted/ lists the trash.", "deleted is_deleted include_deleted only_deleted trash trashed in_trash"),
        ("Filtering by the time of change is not supported.", "updated updated_at updated_from updated_to updated_after updated_before updated_since"),
        ("Excluding a tag is not supported.", "not_tag no_tag exclude_tag without_tag tag_not -tag not_tags exclude_tags exclude"),
        ("Filtering by whether an image has tags is not supported.", "has_tag has_tags untagged tagged"),
        ("any_tag", "tag__in tags__in tag_any"),
        ("tag", "category label labels keyword keywords"),
        ("ids", "id uuid image_id image_ids id__in image_id__in"),
        ("q", "prompt refined_prompt query search text contains term refined_prompt__icontains refined_prompt__contains"),
        ("user_id", "owner username uid"));

    public static readonly ProblemResult TooBroad = TooBroadFor(new ImageFilter(null));

    public static readonly ProblemResult NoWord = FieldErrors.Of("q", "q has no word to look for. Send a word without a minus, and one in each part of an \"or\". Emoji are not searched.");

    /// <summary>Declares the filters.</summary>
    /// <param name="whose">What <c>user_id</c> means.</param>
    public static RouteHandlerBuilder WithImageFilters(this RouteHandlerBuilder route, string whose = "Whose images. Without it everyone's, or with a user's token their own.")
    {
        return route
            .WithMetadata(Guesses)
            .WithFilter("user_id", whose, 1, Caller.UserIdMaximum)
            .WithRepeated("tag", "Images with this tag, in any case. Repeat it: images with all of them.", MaximumTags, TagRules.Schema())
            .WithRepeated("any_tag", "Repeat it: images with one of these tags, or more.", MaximumTags, TagRules.Schema())
            .WithFilter("intent", "Images with exactly this intent. intent= finds the empty text, not images without an intent.", 0, CreateImageRequest.IntentMaximum)
            .WithTime("created_from", "Images created at this time or later. A time with its offset, such as 2026-01-15T10:30:00Z, or a day, which is its first moment in UTC.")
            .WithTime("created_to", "Images created before this time, which must be after created_from. A time with its offset, such as 2026-01-16T10:30:00Z, or a day, which is its first moment in UTC.")
            .WithObject(Metadata, "metadata.model=flux or metadata[model]=flux: images whose metadata has this value. A dot or brackets lead into objects. 42 finds the number and the text.", MaximumValues)
            .WithTruth("has_prompt", "true: images with a prompt. false: images without one, or with an empty one.")
            .WithFilter("q", "Words of the prompt: all of them, in any order. Also \"a phrase\", -without, or, and prefix*.", 1, MaximumWords)
            .WithCommas("ids", "Images with one of these ids.", MaximumIds, new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid" })
            .Problems(TooBroad, NoWord);
    }

    /// <summary>Declares <c>fields</c>, which <see cref="FieldSelection"/> reads.</summary>
    public static RouteHandlerBuilder WithFields(this RouteHandlerBuilder route, JsonTypeInfo type, string description) => route
        .WithCommas("fields", description, 20, new() { Type = JsonSchemaType.String, Enum = [.. type.Properties.Select(one => (JsonNode)JsonNamingPolicy.SnakeCaseLower.ConvertName(one.Name))] });

    /// <summary>The filter of a request. It is of no use if a fault was added.</summary>
    public static ImageFilter Read(HttpContext http, FieldErrors errors)
    {
        var query = http.Request.Query;
        var filter = new ImageFilter(query.ReadUserId(http.Caller(), errors))
        {
            Tags = ReadTags(query, "tag", errors),
            AnyTags = ReadTags(query, "any_tag", errors),
            Intent = ReadText(query, "intent", 0, CreateImageRequest.IntentMaximum, errors),
            CreatedFrom = query.ReadTime("created_from", errors),
            CreatedTo = query.ReadTime("created_to", errors),
            Metadata = ReadMetadata(query, errors),
            HasPrompt = query.ReadTruth("has_prompt", errors),
            Words = ReadWords(query, errors),
            ImageIds = query.ReadIds("ids", MaximumIds, errors),
        };
        if (filter.CreatedTo <= filter.CreatedFrom)
            errors.Add("created_to", "created_to is not after created_from. created_to is exclusive: to include a day, send the day after it.");
        if (filter is { HasPrompt: false, Words: not null }) errors.Add("q", "q finds nothing with has_prompt=false. Leave q or has_prompt out.");
        return filter;
    }

    /// <summary>The filters and the order of a request by name, with their defaults. A cursor is bound to them.</summary>
    /// <param name="sort">The list's default.</param>
    public static (string Name, string? Default)[] Names(HttpContext http, string sort) =>
    [
        ("user_id", http.Caller().UserId),
        ("sort", sort),
        .. http.Request.Query.Keys.Where(name => name is not ("user_id" or "sort" or "limit" or "cursor" or "count" or "fields")).Order(StringComparer.Ordinal).Select(name => (name, (string?)null)),
    ];

    /// <summary>The answer to a request that would take too long. It says what else could narrow it down.</summary>
    /// <param name="isSorted">Whether it would not take too long without its order.</param>
    public static ProblemResult TooBroadFor(ImageFilter filter, bool isSorted = false)
    {
        List<string> cures = [];
        if (filter.UserId is null) cures.Add("user_id");
        if (filter.CreatedFrom is null || filter.CreatedTo is null) cures.Add(filter.CreatedTo is not null ? "created_from" : filter.CreatedFrom is not null ? "created_to" : "created_from and created_to");
        if (filter.Tags.Count == 0) cures.Add("a tag");
        if (filter.HasPrompt != false) cures.Add(filter.Words is null ? "words with q" : "another word");
        if (cures.Count == 0) cures.Add("another tag");
        return new(422, "search_too_broad", $"Too many images would have to be looked at. Add {string.Join(", or ", cures)}.{(isSorted ? " Or leave sort out." : "")}");
    }

    private static IReadOnlyList<string> ReadTags(IQueryCollection query, string name, FieldErrors errors)
    {
        if (!query.TryGetValue(name, out var labels)) return [];
        var fault = labels.Count > MaximumTags
            ? $"{name} is given {labels.Count} times. The maximum is {MaximumTags}."
            : labels.Select(label => TagRules.FindFault(name, label ?? "")).FirstOrDefault(found => found is not null);
        if (fault is null) return [.. labels.Select(label => Tag.Of(label!).Key).Distinct()];
        errors.Add(name, fault);
        return [];
    }

    private static string? ReadText(IQueryCollection query, string name, int minimum, int maximum, FieldErrors errors)
    {
        if (!query.TryGetValue(name, out var text)) return null;
        if (TextRules.FindFault(name, text.ToString(), minimum, maximum) is not { } fault) return text.ToString();
        errors.Add(name, fault);
        return null;
    }

    private static string? ReadWords(IQueryCollection query, FieldErrors errors)
    {
        if (ReadText(query, "q", 1, MaximumWords, errors) is not { } q) return null;
        var words = SearchWords.Parse(q);
        if (words is null) errors.Add("q", NoWord.Message);
        return words;
    }

    /// <summary>For each value, the JSON objects that the metadata may contain: with the value as text, and as a number or another word of JSON.</summary>
    private static List<string[]> ReadMetadata(IQueryCollection query, FieldErrors errors)
    {
        var values = new List<string[]>();
        var names = new Dictionary<string, string>();
        foreach (var (name, text) in query)
        {
            if (QueryParameters.Path(name, Metadata) is not { Count: > 0 } path) continue;
            var shown = TextRules.Clip(name);
            if (FindFault(shown, path, text.ToString()) is { } fault) errors.Add(shown, fault);
            else if (!names.TryAdd(string.Join('\0', path), shown)) errors.Add(shown, $"{shown} is the same as {names[string.Join('\0', path)]}. Send one of them.");
            else values.Add([.. Forms(text.ToString()).Select(form => path.Reverse().Aggregate(form, (inner, key) => new JsonObject { [key] = inner })!.ToJsonString())]);
        }

        if (values.Count > MaximumValues) errors.Add(Metadata, $"metadata has {values.Count} values. The maximum is {MaximumValues}.");
        return values;
    }

    private static string? FindFault(string name, IReadOnlyList<string> path, string value) =>
        path.Count > MaximumDepth ? string.Create(CultureInfo.InvariantCulture, $"{name} has a path of {path.Count} keys. The maximum is {MaximumDepth}.")
        : path.Any(key => key.Length == 0) ? $"{name} has an empty key. Send metadata.key=value, or metadata.key.key=value."
        : path.Select(key => TextRules.FindFault($"A key of {name}", key, 1, MaximumValue)).FirstOrDefault(fault => fault is not null)
            ?? TextRules.FindFault($"The value of {name}", value, 0, MaximumValue);

    private static IEnumerable<JsonNode?> Forms(string text)
    {
        yield return JsonValue.Create(text);
        if (text is "true" or "false" or "null" || IsNumber(text)) yield return JsonNode.Parse(text);
    }

    private static bool IsNumber(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.ValueKind == JsonValueKind.Number && json.RootElement.GetRawText() == text && JsonRules.WrittenLength(Encoding.UTF8.GetBytes(text)) is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
