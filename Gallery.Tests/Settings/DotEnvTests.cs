using Gallery.Sql.Database;

namespace Gallery.Tests.Settings;

/// <summary>What a line of <c>.env</c> may be. That the working directory's is read, and that the environment wins: ServiceProcessTests.</summary>
public sealed class DotEnvTests
{
    [Theory]
    [InlineData("NAME=value", "value")]
    [InlineData("NAME = value \r\n", "value")]
    [InlineData("\uFEFFNAME=value", "value")]
    [InlineData("export NAME=value", "value")]
    [InlineData("# a comment\n\n  NAME=value # another", "value")]
    [InlineData("NAME=one\nNAME=two", "two")]
    [InlineData("NAME=one\nexport NAME=two", "two")]
    [InlineData("NAME=", "")]
    [InlineData("NAME=a=b==", "a=b==")]
    [InlineData("NAME=ab#cd", "ab#cd")]
    [InlineData("NAME='ab #cd' # another", "ab #cd")]
    [InlineData("NAME=\"it's\"", "it's")]
    [InlineData("NAME=a$B${C}", "a$B${C}")]
    [InlineData("NAME=[YOUR-PASSWORD]", "[YOUR-PASSWORD]")]
    public void A_line_is_a_setting(string text, string value) => Assert.Equal(value, Read(text)["NAME"]);

    [Theory]
    [InlineData("this is no setting")]
    [InlineData("=x")]
    [InlineData("PASSWORD: hunter2")]
    [InlineData("1A=b")]
    public void A_line_that_would_be_passed_over_is_named_by_its_number_alone(string line)
    {
        var refusal = Assert.Throws<SettingsException>(() => Read($"A=b\n# comment\n\n{line}\nC=d"));

        Assert.Contains("line 4", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_quoted_value_may_have_several_lines() => Assert.Equal("b", Read("KEY=\"first\nsecond line\nlast\"\nA=b")["A"]);

    [Fact]
    public void No_file_is_no_setting() => Assert.Empty(Gallery.Sql.Database.Settings.ReadDotEnv(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName())));

    [Fact]
    public void A_quote_that_is_not_closed_is_named_without_its_text()
    {
        var message = Assert.Throws<SettingsException>(() => Read("SUPABASE_DB_PASSWORD=\"hunter2\nSUPABASE_DB_HOST=h")).Message;

        Assert.Contains("SUPABASE_DB_PASSWORD", message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Read(string text)
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, text);
        try
        {
            return Gallery.Sql.Database.Settings.ReadDotEnv(file);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
