using System.Globalization;
using Gallery.Service.Http;

namespace Gallery.Service.Statistics;

/// <summary>The days (UTC) that a request asks for, both included, and whether they are counted by month.</summary>
internal sealed record DayRange(DateOnly From, DateOnly To, bool ByMonth)
{
    public const int MaximumDays = 366;
    public const int MaximumMonths = 120;

    private const int UsualDays = 30;
    private const int UsualMonths = 12;

    /// <summary>The first day of each bucket.</summary>
    public IEnumerable<DateOnly> Starts
    {
        get
        {
            for (var start = From; start <= To; start = Add(start, 1, ByMonth)) yield return start;
        }
    }

    /// <summary>The range of a request. It is of no use if a fault was added.</summary>
    public static DayRange Read(IQueryCollection query, DateOnly today, FieldErrors errors)
    {
        var byMonth = query.ReadChoice("bucket", errors, "day", "month") == "month";
        var tomorrow = today.AddDays(1);   // it is tomorrow already in some time zones
        var latest = byMonth ? new DateOnly(tomorrow.Year, tomorrow.Month, 1).AddMonths(1).AddDays(-1) : tomorrow;
        var from = ReadDay(query, "from", latest, errors);
        var to = ReadDay(query, "to", latest, errors);
        if (errors.Any) return new(today, today, byMonth);

        var (usual, maximum) = byMonth ? (UsualMonths, MaximumMonths) : (UsualDays, MaximumDays);
        var last = to ?? (from is { } day && Add(day, maximum - 1, byMonth) is var end && end < today ? end : today);
        var first = from ?? Add(last, 1 - usual, byMonth);
        if (byMonth) (first, last) = (new DateOnly(first.Year, first.Month, 1), new DateOnly(last.Year, last.Month, 1).AddMonths(1).AddDays(-1));
        if (first > last)
            errors.Add("from", string.Create(CultureInfo.InvariantCulture, $"from is {first:yyyy-MM-dd}, and the last day is {last:yyyy-MM-dd}. Send an earlier day."));
        else if (Add(first, maximum, byMonth) <= last)
            errors.Add("from", $"from and to are more than {maximum} {(byMonth ? "months" : "days")} apart. Send a later day{(byMonth ? "" : ", or bucket=month")}.");
        return new(first, last, byMonth);
    }

    private static DateOnly? ReadDay(IQueryCollection query, string name, DateOnly latest, FieldErrors errors)
    {
        if (query.ReadTime(name, errors) is not { } time) return null;
        var day = DateOnly.FromDateTime(time);
        if (day > latest)
            errors.Add(name, string.Create(CultureInfo.InvariantCulture, $"{name} is {day:yyyy-MM-dd}, which is in the future. Send an earlier day."));
        else if (day.Year < 1970)
            errors.Add(name, string.Create(CultureInfo.InvariantCulture, $"{name} is {day:yyyy-MM-dd}. Send a day from 1970-01-01 on."));
        return day;
    }

    private static DateOnly Add(DateOnly day, int buckets, bool byMonth) => byMonth ? day.AddMonths(buckets) : day.AddDays(buckets);
}
