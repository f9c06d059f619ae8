using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Gallery.Service.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Gallery.Service.OpenApi;

/// <summary>What each string of a list may be.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ItemsAttribute(int minimum, int maximum, string pattern, string description) : Attribute
{
    public int Minimum => minimum;

    public int Maximum => maximum;

    public string Pattern => pattern;

    public string Description => description;
}

/// <summary>Describes what the generator does not know: allowed values, items of lists, and the types that converters write.</summary>
internal static class Schemas
{
    public static Task DescribeAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken _)
    {
        if (context.JsonTypeInfo.Type == typeof(Int128)) schema.Format = "int64";   // enough for all but absurd sums. Without a format, generated clients take 32 bits
        if (context.JsonPropertyInfo is not { } field) return Task.CompletedTask;

        if (Find<AllowedValuesAttribute>(field) is { } allowed) schema.Enum = [.. allowed.Values.Select(value => (JsonNode)(string)value!)];
        if (Find<ItemsAttribute>(field) is { } items)
            schema.Items = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = items.Minimum, MaxLength = items.Maximum, Pattern = items.Pattern, Description = items.Description };
        var ofNull = field.IsGetNullable ? JsonSchemaType.Null : default;
        if (field.CustomConverter is RawJsonConverter || field.PropertyType == typeof(JsonObject))
        {
            schema.Type = JsonSchemaType.Object | ofNull;
            schema.AdditionalProperties = new OpenApiSchema();
            schema.Description = Find<DescriptionAttribute>(field)?.Description;
        }

        if (field.CustomConverter is CountConverter)
        {
            schema.Type = JsonSchemaType.Integer | JsonSchemaType.String;
            schema.Pattern = @"^[0-9]+\+$";
        }

        if (Find<JsonIgnoreAttribute>(field) is { Condition: JsonIgnoreCondition.WhenWritingNull }) schema.Type &= ~JsonSchemaType.Null;   // absent, never null
        if (schema.Format == "date-time") schema.Type = JsonSchemaType.String | ofNull;   // UtcTimeConverter
        return Task.CompletedTask;
    }

    private static T? Find<T>(JsonPropertyInfo field)
        where T : Attribute => field.AttributeProvider?.GetCustomAttributes(typeof(T), inherit: false).Cast<T>().SingleOrDefault();
}
