using System.Globalization;
using Gallery.Sql.Database;

namespace Gallery.Service.Http;

/// <summary>Parameters of the query. A wrong value is a fault that names the parameter.</summary>
internal static class QueryParameters
{
    /// <summary>Parameters of other names are faults, because a misspelt one would change what is meant. So are those given twice.</summary>
    public static void CheckNames(this IQueryCollection query, FieldErrors errors, params string[] known)
    {
        foreach (var (name, values) in query)
        {
            if (!known.Contains(name))
                errors.Add(TextRules.Clip(name), $"Unknown parameter '{TextRules.Clip(name)}'. Known parameters: {string.Join(", ", known)}.");
            else if (values.Count > 1)
                errors.Add(name, $"{name} is given {(values.Count == 2 ? "twice" : $"{values.Count} times")}. Send it once.");
        }
    }

    /// <summary>The filter <c>user_id</c>. A user's token has its user as the default. Null for everyone's rows.</summary>
    public static string? ReadUserId(this IQueryCollection query, Caller caller, FieldErrors errors)
    {
        var userId = query.TryGetValue("user_id", out var text) ? text.ToString() : caller.UserId;
        if (userId is not null && TextRules.FindFault("user_id", userId, 1, Caller.UserIdMaximum) is { } fault)
            errors.Add("user_id", $"{fault} Leave user_id out for {(caller.UserId is null ? "everyone's" : "your own")}.");
        return userId;
    }

    /// <summary>False if it is absent.</summary>
    public static bool ReadSwitch(this IQueryCollection query, string name, FieldErrors errors)
    {
        if (!query.TryGetValue(name, out var text) || text is ["true"]) return text is ["true"];
        if (text is [not "false"]) errors.Add(name, $"{name} is '{TextRules.Clip(text.ToString(), 20)}'. Send true or false.");   // given twice is reported already
        return false;
    }

    /// <summary>0 if it is absent.</summary>
    public static int ReadNumber(this IQueryCollection query, string name, int maximum, FieldErrors errors)
    {
        if (!query.TryGetValue(name, out var text)) return 0;
        if (text is [{ } digits] && digits.All(char.IsAsciiDigit) && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= maximum)
            return number;
        errors.Add(name, NumberFault(name, text.ToString(), maximum));
        return 0;
    }

    public static string NumberFault(string name, string text, int maximum) => $"{name} is '{TextRules.Clip(text, 20)}'. Send a whole number from 0 to {maximum}.";
}
