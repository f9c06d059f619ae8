using System.Globalization;
using Gallery.Service.Http;
using Gallery.Sql.Metering;

namespace Gallery.Service.Metering;

/// <summary>A month of the ledger, UTC, such as 2026-01.</summary>
internal readonly record struct Month(DateOnly Start)
{
    private const string Form = "yyyy-MM";

    /// <summary>The month of the query's <c>period</c>. The open month if it is absent. It is of no use if a fault was added.</summary>
    public static Month Read(IQueryCollection query, DateTimeOffset now, FieldErrors errors)
    {
        var open = new Month(new(now.UtcDateTime.Year, now.UtcDateTime.Month, 1));
        if (!query.TryGetValue("period", out var text)) return open;
        if (!DateOnly.TryParseExact(text.ToString(), Form, CultureInfo.InvariantCulture, DateTimeStyles.None, out var start) || start.Year < 1970)
            errors.Add("period", $"period is '{TextRules.Clip(text.ToString(), 20)}'. Send a month such as {open}.");
        else if (start > open.Start)
            errors.Add("period", $"period is {text}, which is in the future. Send a month up to {open}.");
        return new(start);
    }

    /// <summary>Whether the ledger takes no more lines for it.</summary>
    public bool IsClosed(DateTimeOffset now) => now.UtcDateTime >= Start.AddMonths(1).ToDateTime(TimeOnly.MinValue) + UsageRepository.ClosingTime;

    public override string ToString() => Start.ToString(Form, CultureInfo.InvariantCulture);
}
