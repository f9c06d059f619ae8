using Gallery.Service.Limits;
using Gallery.Sql.Metering;

namespace Gallery.Service.Metering;

internal static class MeteringNoun
{
    /// <summary>The key of the turns of totals.</summary>
    public const string Totals = "usage_totals";

    public static readonly Noun Noun = new(AddServices, UsageEndpoints.MapUsage, UsageJsonContext.Default, new Dictionary<string, (string, string)>
    {
        ["usage_line_user_id_length"] = ("user_id", "user_id must have 1 to 255 characters."),
        ["usage_line_period_is_month"] = ("period", "period must be a month."),
        ["usage_tally_period_is_month"] = ("period", "period must be a month."),
        ["usage_line_kind_form"] = ("kind", ReportedUsage.KindMessage("kind")),
        ["usage_line_note_length"] = ("note", "note must have 1 to 500 characters."),
        ["usage_line_correction_has_note"] = ("note", "note is required in a correction. Say why."),
    });

    private static void AddServices(IServiceCollection services, IConfiguration settings) => services
        .AddSingleton<UsageRepository>()
        .AddKeyedSingleton<UserTurns>(Totals);
}
