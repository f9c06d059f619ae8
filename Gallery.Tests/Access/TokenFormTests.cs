using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Gallery.Tests.Limits;
using Gallery.Tests.Service;

namespace Gallery.Tests.Access;

/// <summary>The form of a token: base64url as RFC 7515 has it, and times as RFC 7519 has them.</summary>
public sealed class TokenFormTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private static readonly string[] Times = ["exp", "nbf", "iat"];

    [Theory]
    [InlineData("\"4000000000\"")]
    [InlineData("\"\"")]
    [InlineData("\"2096-10-02T07:06:40Z\"")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("[4000000000]")]
    [InlineData("{\"at\":4000000000}")]
    [InlineData("-1")]
    [InlineData("-0.5")]
    [InlineData("-1e300")]
    [InlineData("253402300800")]                    // the year 10000
    [InlineData("4000000000000")]                   // milliseconds
    [InlineData("9223372036854775807")]
    [InlineData("9223372036854775808")]
    [InlineData("99999999999999999999999999")]
    [InlineData("1e30")]
    [InlineData("1e999")]
    public async Task A_time_is_a_number_of_seconds_since_1970_up_to_the_year_9999(string value)
    {
        foreach (var name in Times)
            foreach (var algorithm in new[] { "HS256", "ES256" })
            {
                var answer = await SendAsync(algorithm, Payload(name, value));

                Assert.Equal((name, algorithm, 401, $"The token is not valid. Its {name} is not a number of seconds since 1970."), (name, algorithm, answer.Status, Message(answer)));
            }
    }

    [Theory]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("+4000000000")]
    [InlineData("0x7fffffff")]
    [InlineData("04000000000")]
    [InlineData("4_000_000_000")]
    [InlineData("4000000000.")]
    public async Task A_time_that_is_not_json_makes_the_token_none(string value)
    {
        foreach (var name in Times)
            Assert.Equal((name, 401, "The token is not valid. It is not a plain signed JWT."), await SendAsync("HS256", Payload(name, value)) is var answer ? (name, answer.Status, Message(answer)) : default);
    }

    [Fact]
    public async Task A_time_may_have_a_fraction_or_an_exponent()
    {
        foreach (var algorithm in new[] { "HS256", "ES256" })
        {
            Assert.Equal(200, (await SendAsync(algorithm, Payload("exp", $"{TestIssuer.In(3600)}.75"))).Status);
            Assert.Equal(200, (await SendAsync(algorithm, Payload("exp", "4.0e9"))).Status);
            Assert.Equal(200, (await SendAsync(algorithm, Payload("exp", "253402300799"))).Status);
            Assert.Equal(200, (await SendAsync(algorithm, Payload("nbf", $"{TestIssuer.In(-60)}.25"))).Status);
            Assert.Equal(200, (await SendAsync(algorithm, Payload("iat", $"{TestIssuer.In(0)}.123456789"))).Status);
            Assert.Equal(200, (await SendAsync(algorithm, Payload("nbf", "0"))).Status);
            Assert.Equal("expired_token", (await SendAsync(algorithm, Payload("exp", $"{TestIssuer.In(-60)}.5"))).Problem);
            Assert.Equal("expired_token", (await SendAsync(algorithm, Payload("exp", "1.5e9"))).Problem);
            Assert.Equal("The token is not valid. It is not valid yet (nbf).", Message(await SendAsync(algorithm, Payload("nbf", $"{TestIssuer.In(60)}.5"))));
        }
    }

    [Theory]
    [InlineData(3600, 3600, "It is not valid yet (nbf).")]
    [InlineData(3600, 3601, "Its nbf is after its exp.")]
    [InlineData(10, 20, "Its nbf is after its exp.")]          // within the skew of clocks
    [InlineData(-60, 60, "Its nbf is after its exp.")]
    public async Task A_token_that_is_never_valid_is_told_why(int exp, int nbf, string why)
    {
        var answer = await SendAsync("HS256", fixture.Issuer.Payload("user_123", ("exp", TestIssuer.In(exp)), ("nbf", TestIssuer.In(nbf))).ToJsonString());

        Assert.Equal((401, "invalid_token", $"The token is not valid. {why}"), (answer.Status, answer.Problem, Message(answer)));
    }

    [Fact]
    public async Task A_forger_learns_nothing_of_the_times()
    {
        foreach (var (exp, nbf) in new[] { (-60, -120), (60, 120), (3600, 3000), (1, 0) })
        {
            var payload = fixture.Issuer.Payload("user_123", ("exp", TestIssuer.In(exp)), ("nbf", TestIssuer.In(nbf)));
            var answer = await fixture.Api("HS256").GetAsync("/v1/gallery/", GuardedService.Bearer(TestIssuer.Sign("HS256", payload, null, TestIssuer.Hmac(new byte[32]))));

            Assert.Equal("The token is not valid. Its signature is wrong.", Message(answer));
        }
    }

    [Fact]
    public async Task Each_part_is_base64url_without_padding_and_in_its_only_form()
    {
        var good = fixture.Issuer.Token("HS256", "user_123").Split('.');
        Assert.Equal(200, (await TryAsync(good)).Status);

        for (var part = 0; part < 3; part++)
            foreach (var change in new Func<string, string>[]
            {
                text => text + "=", text => text + "==", text => text[..4] + "\t" + text[4..], text => text + "%3D", text => text + "A", text => text[..4] + " " + text[4..], text => text[..4] + "=" + text[4..],
                text => text[..4] + "+" + text[5..], text => text[..4] + "/" + text[5..], text => text[..4] + "\u00a0" + text[4..], text => text[..4] + "é" + text[4..], WithOtherLastBits,
            })
            {
                string[] changed = [.. good];
                changed[part] = change(good[part]);
                if (changed[part] == good[part]) continue;

                var answer = await TryAsync(changed);
                Assert.Equal((changed[part], 401, "invalid_token"), (changed[part], answer.Status, answer.Problem));
            }

        foreach (var token in new[] { $"{good[0]}..{good[2]}", $"{good[0]}.{good[1]}.", string.Join(" . ", good), $"{string.Join('.', good)}.", $"{string.Join('.', good)}\u00a0", $"\u3000{string.Join('.', good)}" })
            Assert.Equal((token, 401), (token, (await TryAsync(token)).Status));
    }

    [Fact]
    public async Task No_claim_may_be_there_twice_however_it_is_written()
    {
        foreach (var claim in new[] { "exp", "nbf", "iat", "iss", "aud", "sub", "client_id", "role", "\\u0073ub", "of_no_interest" })
        {
            var payload = Payload("of_no_interest", "1");
            if (!payload.Contains($"\"{claim}\"", StringComparison.Ordinal) && claim[0] != '\\') payload = $"{payload[..^1]},\"{claim}\":1}}";
            var answer = await SendAsync("HS256", $"{payload[..^1]},\"{claim}\":1}}");

            Assert.Equal((claim, 401, "invalid_token"), (claim, answer.Status, answer.Problem));
        }
    }

    /// <summary>The same bytes, if the last character has bits that belong to none of them.</summary>
    private static string WithOtherLastBits(string part)
    {
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        return part.Length % 4 == 0 ? part : part[..^1] + alphabet[alphabet.IndexOf(part[^1], StringComparison.Ordinal) ^ 1];
    }

    /// <summary>A good payload but for one claim, which is this text.</summary>
    private string Payload(string name, string value) =>
        fixture.Issuer.Payload("user_123", (name, JsonValue.Create("PLACE"))).ToJsonString().Replace("\"PLACE\"", value.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private Task<Answer> SendAsync(string algorithm, string payload)
    {
        var header = new JsonObject { ["alg"] = algorithm, ["kid"] = fixture.Issuer.KeyId(algorithm) ?? "any" };
        return fixture.Api(algorithm).GetAsync("/v1/gallery/", GuardedService.Bearer(TestIssuer.Sign(header.ToJsonString(), payload, fixture.Issuer.Signer(algorithm))));
    }

    private async Task<RawAnswer> TryAsync(params string[] parts)
    {
        using var connection = await RawConnection.OpenAsync(fixture.Api("HS256").Address);
        var token = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(string.Join('.', parts)));   // sent as UTF-8
        await connection.SendAsync($"GET /v1/gallery/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
        return (await connection.ReadAsync())!;
    }

    private static string? Message(Answer answer) => (string?)answer.Body["message"];
}
