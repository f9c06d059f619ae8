using System.Globalization;
using System.Text.Json.Nodes;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Microsoft.OpenApi;

namespace Gallery.Service.OpenApi;

/// <summary>The example of a successful answer.</summary>
internal sealed record AnswerExample(int Status, object Value);

/// <summary>A successful answer in another form, as text.</summary>
internal sealed record OtherAnswer(int Status, string MediaType, string Example);

/// <summary>The example of a request's body.</summary>
internal sealed record BodyExample(object Value);

/// <summary>A header of successful answers.</summary>
/// <param name="Status">Null for all of them.</param>
internal sealed record AnswerHeader(string Name, string Description, int? Status = null);

internal sealed record AllowedCallers(IReadOnlyList<Callers> Callers);

/// <summary>What callers may call the parameters of a route, for the message about an unknown one.</summary>
/// <param name="guesses">
/// Right: the right name, or a whole sentence. A name is ignored if the route lacks it. Names: wrong names in lower case, with spaces between them.
/// </param>
internal sealed class OtherNames(params (string Right, string Names)[] guesses)
{
    private readonly Dictionary<string, string> _right = guesses.SelectMany(guess => guess.Names.Split(' ').Select(name => KeyValuePair.Create(name, guess.Right))).ToDictionary();

    /// <summary>The right name, or a sentence. Null if nobody guesses this name, or if the right one is not known.</summary>
    public string? Find(string name, IReadOnlyCollection<string> known) =>
        _right.GetValueOrDefault(name.ToLowerInvariant()) is { } right && (right.Contains(' ') || known.Contains(right)) ? right : null;
}

/// <summary>
/// Facts about a route that its signature does not state. They are metadata, set where the route is mapped. The OpenAPI document shows
/// them, and the tests of access and the fuzzer read that document.
/// </summary>
internal static class RouteFacts
{
    /// <summary>How a time or a day begins. There is no format for both, so that clients which check formats can send days.</summary>
    public const string TimePattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}";

    /// <summary>Names the group of operations that these routes form.</summary>
    public static RouteGroupBuilder WithTag(this RouteGroupBuilder routes, string name, string description) =>
        routes.WithTags(name).WithMetadata(new OpenApiTag { Name = name, Description = description });

    /// <summary>Declares a JSON body, which counts towards GALLERY_MAX_BODY_BYTES.</summary>
    public static RouteHandlerBuilder Takes<T>(this RouteHandlerBuilder route, T example, string mediaType = "application/json", params string[] others)
        where T : notnull => route.Accepts<T>(mediaType, others).WithMetadata(new BodyExample(example));

    /// <summary>Declares a JSON body that may be left out.</summary>
    public static RouteHandlerBuilder MayTake<T>(this RouteHandlerBuilder route, T example, string mediaType = "application/json", params string[] others)
        where T : notnull => route.Accepts<T>(isOptional: true, mediaType, others).WithMetadata(new BodyExample(example));

    /// <summary>Declares a maximum of the body instead of GALLERY_MAX_BODY_BYTES.</summary>
    public static RouteHandlerBuilder TakesUpTo(this RouteHandlerBuilder route, int bytes) => route.WithMetadata(new BodyMaximum(bytes));

    /// <summary>Declares a successful answer with a JSON body, or with a body of which each line is JSON.</summary>
    public static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder route, int status, T example, string mediaType = "application/json")
        where T : notnull => route.Produces<T>(status, mediaType).WithMetadata(new AnswerExample(status, example));

    /// <summary>Declares that the answer may also be text of this type.</summary>
    public static RouteHandlerBuilder OrAnswers(this RouteHandlerBuilder route, int status, string mediaType, string example) =>
        route.WithMetadata(new OtherAnswer(status, mediaType, example));

    /// <summary>Declares a successful answer without a body.</summary>
    public static RouteHandlerBuilder AnswersNothing(this RouteHandlerBuilder route) => route.Produces(StatusCodes.Status204NoContent);

    /// <summary>Declares failures, each by one example. Failures that every route has are added by <see cref="Operations"/>.</summary>
    public static RouteHandlerBuilder Problems(this RouteHandlerBuilder route, params ProblemResult[] problems) => route.WithMetadata([.. problems]);

    public static RouteHandlerBuilder AllowedTo(this RouteHandlerBuilder route, params Callers[] callers) => route.WithMetadata(new AllowedCallers(callers));

    public static RouteHandlerBuilder WithHeader(this RouteHandlerBuilder route, string name, string description, int status) =>
        route.WithMetadata(new AnswerHeader(name, description, status));

    /// <summary>Declares that answers carry the tag of the row's state.</summary>
    public static RouteHandlerBuilder WithETag(this RouteHandlerBuilder route) => route.WithMetadata(new AnswerHeader("ETag", "Names this state. It changes with every change."));

    /// <summary>Declares that a client may revalidate its copy.</summary>
    public static RouteHandlerBuilder Revalidates(this RouteHandlerBuilder route) =>
        route.Produces(StatusCodes.Status304NotModified).WithParameter(ParameterLocation.Header, "If-None-Match", "An earlier ETag. If it is still current, the answer is 304.", Text());

    public static RouteHandlerBuilder WithIfMatch(this RouteHandlerBuilder route) =>
        route.WithParameter(ParameterLocation.Header, "If-Match", "ETags. If none of them is current, the answer is 412 and nothing happens.", Text()).Problems(Conditions.Malformed("If-Match"));

    public static RouteHandlerBuilder WithIfNoneMatch(this RouteHandlerBuilder route) =>
        route.WithParameter(ParameterLocation.Header, "If-None-Match", "ETags, or * for any. If one of them is current, the answer is 412 and nothing happens.", Text());

    /// <summary>Declares an optional header of the request.</summary>
    public static RouteHandlerBuilder WithTextHeader(this RouteHandlerBuilder route, string name, string description) => route.WithParameter(ParameterLocation.Header, name, description, Text());

    /// <summary>Declares query parameters <c>limit</c> and <c>cursor</c>, and the header <c>Link</c>.</summary>
    public static RouteHandlerBuilder WithPaging(this RouteHandlerBuilder route) => route
        .WithParameter(ParameterLocation.Query, "limit", "Maximum items on the page. A page of large items ends earlier; next_cursor leads on.", new OpenApiSchema
        {
            Type = JsonSchemaType.Integer,
            Minimum = "1",
            Maximum = PageQuery.MaximumLimit.ToString(CultureInfo.InvariantCulture),
            Default = PageQuery.DefaultLimit,
        })
        .WithParameter(ParameterLocation.Query, "cursor", "next_cursor of the previous page, with the same filters. Leave it out for the first page.", Text())
        .WithHeader("Link", "The next page, rel=\"next\". Absent on the last page, and if it would exceed 2 KB: use next_cursor.", StatusCodes.Status200OK)
        .Problems(PageQuery.BadLimit, PageQuery.BadCursor);

    /// <summary>Declares what a text in the path may be, instead of what the handler's signature says.</summary>
    public static RouteHandlerBuilder WithPathText(this RouteHandlerBuilder route, string name, string description, OpenApiSchema schema) =>
        route.WithMetadata(new OpenApiParameter { Name = name, In = ParameterLocation.Path, Required = true, Description = description, Schema = schema });

    /// <summary>Declares an optional text parameter of the query.</summary>
    public static RouteHandlerBuilder WithFilter(this RouteHandlerBuilder route, string name, string description, int minimum, int maximum) =>
        route.WithParameter(ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.String, MinLength = minimum, MaxLength = maximum });

    /// <summary>Declares a required text parameter of the query.</summary>
    public static RouteHandlerBuilder WithRequired(this RouteHandlerBuilder route, string name, string description, int minimum, int maximum) =>
        route.WithMetadata(new OpenApiParameter
        {
            Name = name,
            In = ParameterLocation.Query,
            Required = true,
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = minimum, MaxLength = maximum },
        });

    /// <summary>Declares a month of the query.</summary>
    public static RouteHandlerBuilder WithMonth(this RouteHandlerBuilder route, string name, string description, bool isRequired) =>
        route.WithMetadata(new OpenApiParameter
        {
            Name = name,
            In = ParameterLocation.Query,
            Required = isRequired,
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$" },
        });

    /// <summary>Declares an optional whole number of the query.</summary>
    public static RouteHandlerBuilder WithNumber(this RouteHandlerBuilder route, string name, string description, int minimum, int maximum) =>
        route.WithParameter(ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = $"{minimum}", Maximum = $"{maximum}", Default = minimum });

    /// <summary>Declares an optional UUID of the query.</summary>
    public static RouteHandlerBuilder WithUuid(this RouteHandlerBuilder route, string name, string description) =>
        route.WithParameter(ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid" });

    /// <summary>Declares an optional parameter of the query with a few values. The first is the default.</summary>
    public static RouteHandlerBuilder WithChoice(this RouteHandlerBuilder route, string name, string description, params string[] choices) =>
        route.WithParameter(ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. choices.Select(choice => (JsonNode)choice)], Default = choices[0] });

    /// <summary>Declares a text parameter of the query that may be repeated.</summary>
    public static RouteHandlerBuilder WithRepeated(this RouteHandlerBuilder route, string name, string description, int most, OpenApiSchema item) =>
        route.WithParameter(ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.Array, MinItems = 1, MaxItems = most, Items = item }, ParameterStyle.Form, explode: true);

    /// <summary>Declares a parameter of the query that is a list with commas.</summary>
    public static RouteHandlerBuilder WithCommas(this RouteHandlerBuilder route, string name, string description, int most, OpenApiSchema item) =>
        route.WithParameter(ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.Array, MinItems = 1, MaxItems = most, Items = item }, ParameterStyle.Form, explode: false);

    /// <summary>Declares parameters of the query that are values in an object: <c>name.key=value</c>.</summary>
    public static RouteHandlerBuilder WithObject(this RouteHandlerBuilder route, string name, string description, int most) =>
        route.WithParameter(
            ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.Object, MaxProperties = most, AdditionalProperties = Text() }, ParameterStyle.DeepObject, explode: true);

    /// <summary>Declares an optional time of the query, which may be a day.</summary>
    public static RouteHandlerBuilder WithTime(this RouteHandlerBuilder route, string name, string description) =>
        route.WithParameter(ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.String, Pattern = TimePattern });

    /// <summary>Declares an optional boolean of the query that has no default.</summary>
    public static RouteHandlerBuilder WithTruth(this RouteHandlerBuilder route, string name, string description) =>
        route.WithParameter(ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.Boolean });

    /// <summary>Declares an optional boolean of the query.</summary>
    public static RouteHandlerBuilder WithSwitch(this RouteHandlerBuilder route, string name, string description) =>
        route.WithParameter(ParameterLocation.Query, name, description, new OpenApiSchema { Type = JsonSchemaType.Boolean, Default = false });

    private static RouteHandlerBuilder WithParameter(
        this RouteHandlerBuilder route, ParameterLocation place, string name, string description, OpenApiSchema schema, ParameterStyle? style = null, bool explode = true) =>
        route.WithMetadata(new OpenApiParameter { Name = name, In = place, Description = description, Schema = schema, Style = style, Explode = explode });

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String };
}
